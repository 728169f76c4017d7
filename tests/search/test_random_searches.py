"""Searches of random words and values: the check finds what is wrong, or the search can be configured."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

import archdsl
from archdsl.configs.clauses import Search
from archdsl.configs.setting import Setting, settings_of
from archdsl.configs.word import Word
from archdsl.configs.words import GROUPS, WORDS
from archdsl.data.dataset_settings import read_settings
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.search.differentiable.optimisers import rate
from archdsl.search.differentiable.samplers import own_samplers
from archdsl.search.reading import read_config
from archdsl.search.scores import class_weights_rule, losses_of
from archdsl.search.terms import is_by_trials
from archdsl.search.trials.config import read_trials
from archdsl.spec.units import quantity

SPACE = """arch 1

space Tiny(; classes = 11) {
  input image: [3, 32, 64]
  width = one of {4, 8}
  x = image -> conv(c = width, s = 2) -> bn -> relu
  output logits = x -> conv(c = classes, k = 1) -> upsample(like = image)
}
"""
PROGRAM_OF_SPACE = archdsl.load("tiny.arch", text=SPACE)

VALUES: dict[str, object] = {
    "0": 0, "1": 1, "3": 3, "0.5": 0.5, "1e-3": 1e-3, "-1": -1, "true": True, '"val"': "val",
    '"neighbours"': "neighbours", '"raw"': "raw", '"median"': "median", "[0.5, 0.9]": (0.5, 0.9),
    "[32, 64]": (32, 64), '["#000000"]': ("#000000",), "2 h": quantity(2, "h"), "5 ms": quantity(5, "ms"),
    "2K": None, "1..3": None, "{1, 2}": None, "macs + 1": None, "width": None, "macs": None,
}  # fmt: skip
"""Values as a spec writes them, and as settings look at them; None where none takes them."""
GOALS = [
    "cross_entropy", "cross_entropy + 0.1 * log(macs)", "ohem(kept = 5) * log(2 * params)",
    "ohem(logits) + 0.4 * l1(logits, target = depth)", "bce(other) + macs", "mae(logits)",
]  # fmt: skip
COSTS = ["log(macs)", "params / 3M", "latency", "rate", "flops - 1", "uniform", "log", "miou", "2 ms", "true"]


def mostly(right: st.SearchStrategy[str], wrong: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.integers(0, 9).flatmap(lambda n: right if n else wrong)


def written(setting: Setting, depth: int) -> st.SearchStrategy[str]:
    """Values of a setting, most of which it takes."""
    if setting.kind == "word":
        return mostly(words(GROUPS[setting.group], depth), words(WORDS, depth))
    taken = [text for text, value in VALUES.items() if value is not None and setting.accepts(value)]
    any_of = st.sampled_from(list(VALUES))
    return mostly(st.sampled_from(taken), any_of) if taken else any_of


@st.composite
def words(draw: st.DrawFn, known: Mapping[str, Word], depth: int) -> str:
    """A word with some of its settings; of a group mostly one that is run."""
    name = draw(
        mostly(
            st.sampled_from([n for n in known if known[n].run] or list(known)), st.sampled_from(list(known))
        )
    )
    own = known[name].settings
    chosen = (
        draw(st.lists(st.sampled_from(sorted(own)), max_size=2, unique=bool(draw(st.integers(0, 9)))))
        if own and depth < 3
        else []
    )
    given = [f"{key} = {draw(written(own[key], depth + 1))}" for key in chosen]
    return f"{name}({', '.join(given)})" if given else name


@st.composite
def searches(draw: st.DrawFn) -> str:
    of_search = settings_of(Search)
    keys = draw(
        st.lists(st.sampled_from(sorted(of_search)), max_size=3, unique=bool(draw(st.integers(0, 9))))
    )
    lines = [f"{key} = {draw(written(of_search[key], 0))}" for key in keys]
    if not draw(st.integers(0, 3)):
        what = draw(mostly(st.just("cells"), st.sampled_from(["decisions", "macs"])))
        lines.append(f"communicate {what} by {draw(words(GROUPS['communication'], 0))}")
    for group in ("architecture", "parameters", "teacher"):
        if not draw(st.integers(0, 3 if group != "teacher" else 19)):
            inner = f"    optimizer = {draw(words(GROUPS['optimizers'], 0))}\n"
            if group == "architecture" and draw(st.booleans()):
                inner += f"    width = {draw(words(GROUPS['samplers'], 0))}\n"
            lines.append(f"{group} {{\n{inner}  }}")
    if not draw(st.integers(0, 3)):
        compared = draw(mostly(st.sampled_from(["<=", ">"]), st.sampled_from(["==", "!=", "+"])))
        lines.append(f"require {draw(st.sampled_from(COSTS))} {compared} 3")
    goal = draw(st.sampled_from(GOALS))
    if not draw(st.integers(0, 3)):
        goal += f" + {draw(st.sampled_from(COSTS))}"
    lines.append(f"{draw(mostly(st.just('minimize'), st.just('maximize')))} {goal}")
    return "".join(f"  {line}\n" for line in lines)


def demand_placed(found: tuple[Diagnostic, ...] | list[Diagnostic], text: str) -> None:
    for one in found:
        assert one.primary is not None, (one, text)


@settings(max_examples=200, deadline=None)
@given(searches())
def test_a_search_is_refused_at_a_place_or_configures_a_run(clauses: str) -> None:
    program = archdsl.load("tiny.arch", text=f"{SPACE}search Q for Tiny {{\n{clauses}}}\n")
    try:
        spec = program.search()
    except SpecError as error:
        demand_placed(error.diagnostics, clauses)
        return
    try:
        if is_by_trials(spec):
            read_trials(spec)
            return
        config = read_config(spec)
        losses_of(config)
        own_samplers(config.samplers, PROGRAM_OF_SPACE.space().decisions)
    except SpecError as error:
        demand_placed(error.diagnostics, clauses)
        return
    read_settings(config.data, config.data_settings)
    class_weights_rule(config)
    for progress in (0.0, 0.5, 1.0):
        rate(config.parameters, progress)
        rate(config.architecture, progress)
    config.sampler.at(0, config.epochs)
    config.settings()
