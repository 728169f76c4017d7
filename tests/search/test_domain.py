"""What strategies see of a space: which decisions are active, one form of a network, random networks."""

from __future__ import annotations

import random
from collections import Counter
from itertools import product

import pytest

import archdsl
from archdsl.devices.objective import Costs
from archdsl.program import load
from archdsl.search.config import SearchConfig
from archdsl.search.trials.config import TrialConfig
from archdsl.search.trials.criteria import Criteria
from archdsl.search.trials.domain import Domain
from archdsl.spec.search_values import Objective, Term

NESTED = """arch 1

space S {
  input image: [3, 16, 32]
  a = image -> conv(c = 8)
  depth = one of {1..3}
  x[0] = a
  stage body for i in 1..3 {
    kind = one of {small: conv(c = 8), large: conv(c = 8, k = 5)}
    x[i] = x[i - 1] -> kind
  }
  output logits = x[depth] -> conv(c = 4, k = 1)
  require params <= 6K
}
"""


def space():
    return archdsl.load(NESTED).space()


def domain(**more) -> Domain:
    return Domain.of_graph(space().searched, **more)


def test_a_decision_arises_where_an_output_reads_it():
    found = domain()
    depth = found.paths.index("depth")
    kinds = [n for n, path in enumerate(found.paths) if path != "depth"]
    for outcomes in product(*map(range, found.sizes)):
        active = found.active(outcomes)
        assert active[depth]
        assert [active[n] for n in kinds] == [outcomes[depth] + 1 > i for i in range(3)]


def test_equal_networks_have_one_canonical_form_and_others_another():
    found, made = domain(), space()
    forms = {}
    for outcomes in product(*map(range, found.sizes)):
        form = found.canonical(outcomes)
        named = {
            path: made.decisions[path].outcomes[o] for path, o in zip(found.paths, outcomes, strict=True)
        }
        text = made.bind(named).to_arch()
        forms.setdefault(form, set()).add(text)
    assert len(forms) == made.networks.count.networks == 2 + 4 + 8
    assert all(len(texts) == 1 for texts in forms.values())


@pytest.mark.parametrize("spec", ["space", "autortnet", "gas", "fasterseg", "template"])
def test_what_arises_in_shipped_spaces_is_what_a_bound_network_reads(spec):
    made = load(f"specs/{spec}.arch").space()
    found, rng = Domain.of_graph(made.searched), random.Random(1)
    for _ in range(3):
        outcomes = tuple(rng.randrange(size) for size in found.sizes)
        named = {path: texts[o] for path, texts, o in zip(found.paths, found.outcomes, outcomes, strict=True)}
        active = {path for path, active in zip(found.paths, found.active(outcomes), strict=True) if active}
        assert set(made.bind(named).chosen) & set(found.paths) == active


def test_networks_are_drawn_inside_the_requirements():
    class Sum:
        def __init__(self, least, many=True, extremes=()):
            self.least, self.many, self.ends = least, many, extremes

        def meets(self, outcomes):
            return sum(outcomes) >= self.least

        def meets_many(self, rows):
            return rows.sum(axis=1) >= self.least if self.many else None

        def extremes(self):
            return self.ends

    rng = random.Random(0)
    assert all(sum(domain(limits=Sum(3)).sample(rng)) >= 3 for _ in range(50))
    assert domain(limits=Sum(99, many=False)).sample(rng) is None
    rare = Domain(["a"] * 40, [["0", "1"]] * 40, limits=Sum(36))  # one in ten million
    assert rare.sample(rng) is None
    assert sum(Domain(["a"] * 40, [["0", "1"]] * 40, limits=Sum(36, extremes=[(1,) * 40])).sample(rng)) >= 36


RARE = """arch 1

space S {
  input image: [3, 16, 32]
  x[0] = image
  stage body for i in 1..14 {
    x[i] = x[i - 1] -> one of {small: conv(c = 4, k = 1), large: conv(c = 4, k = 7), wide: conv(c = 4, k = 5)}
  }
  output logits = x[14] -> conv(c = 4, k = 1)
  require params <= LIMIT
}
"""


@pytest.mark.parametrize("limit", [6000, 1400, 1000])
def test_networks_are_drawn_however_few_meet_a_requirement(limit):
    program = archdsl.load(RARE.replace("LIMIT", str(limit)))
    made = program.space()
    goals = SearchConfig("S", "Q", (Objective("minimize", Term("macs")),), "synthetic", {})
    criteria = Criteria(TrialConfig(goals, Term("random"), Term("costs")), made, Costs(made))
    rng = random.Random(3)
    drawn = {criteria.domain.sample(rng) for _ in range(5)}
    assert len(drawn) > 1
    assert all(criteria.bound(outcomes).network.params <= limit for outcomes in drawn)


def test_over_networks_every_network_is_equally_likely():
    from scipy.stats import chisquare

    found, rng = domain(), random.Random(5)
    counts = Counter(found.sample(rng, "networks") for _ in range(2_800))
    assert len(counts) == 14
    assert chisquare(list(counts.values())).pvalue > 1e-3


def test_a_mutation_changes_one_decision_that_arises():
    found, rng = domain(), random.Random(2)
    for _ in range(200):
        first = found.sample(rng)
        other = found.mutated(first, rng)
        assert other != first
        changed = [n for n in range(4) if first[n] != other[n]]
        depth = found.paths.index("depth")
        assert depth in changed or len(changed) == 1
    assert Domain.of_sizes([1, 1]).mutated((0, 0), rng) is None
