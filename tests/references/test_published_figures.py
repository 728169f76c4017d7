"""Counts of decisions, networks, parameters and multiply-accumulates, as published or measured on the
papers' released code."""

from __future__ import annotations

from functools import cache

import pytest

import archdsl
from archdsl.passes.costs.cost import costs
from archdsl.program import Network, Space
from archdsl.resources import specs_folder

HD = (3, 1024, 2048)


@cache
def space(file: str, **settings: object) -> Space:
    return archdsl.load(specs_folder() / file).space(**settings)


@cache
def network(file: str, **settings: object) -> Network:
    return archdsl.load(specs_folder() / file).network(**settings)


def params(net: Network) -> int:
    return sum(p.numel() for p in net.module().parameters())


def counted_params(net: Network) -> int:
    return sum(cost.params for cost in costs(net.graph).values())


def macs(net: Network) -> int:
    return sum(cost.macs for cost in costs(net.graph).values())


def ending(paths: object, *ends: str) -> int:
    return sum(str(path).endswith(ends) for path in paths)  # type: ignore[attr-defined]


# ---------------------------------------------------------------- spaces


def test_fasterseg_has_117_decisions_for_ops_reads_widths_and_the_pair_of_outputs() -> None:
    decisions = space("fasterseg.arch").decisions
    assert len(decisions) == 117
    assert ending(decisions, ".kind") == 45
    assert ending(decisions, ".x") == 27
    assert ending(decisions, ".w") == 44
    assert ending(decisions, "pair") == 1


def test_fasterseg_offers_five_ops_two_reads_and_five_widths() -> None:
    decisions = space("fasterseg.arch").decisions
    assert decisions["cells[3, 16].kind"].candidates == ("skip", "conv", "zoom", "conv2", "zoom2")
    assert decisions["cells[3, 16].x"].candidates == ("finer", "same")
    assert decisions["widths[15, 32].w"].candidates == ("4", "6", "8", "10", "12")


def test_template_has_40_decisions_and_all_of_the_papers_networks() -> None:
    found = space("template.arch")
    assert len(found.decisions) == 40
    templates, blocks, strides = 72**3, 3**7 * 4**7, 2**3
    inputs = 1
    for earlier in range(2, 9):
        inputs *= earlier**2
    assert found.size == templates * blocks * strides * inputs
    assert f"{found.size:.2e}" == "1.74e+23"


def test_template_names_its_decisions_as_others_rely_on() -> None:
    decisions = space("template.arch").decisions
    for t in range(1, 4):
        assert decisions[f"templates[{t}].left"].candidates == (
            "sep3", "sep5", "gap", "pool3", "dil5", "skip",
        )  # fmt: skip
        assert decisions[f"templates[{t}].agg"].candidates == ("psum", "cat")
    for i in range(3, 10):
        assert decisions[f"blocks[{i}].a"].candidates == tuple(f"x[{k}]" for k in range(1, i))
        assert decisions[f"blocks[{i}].kind"].candidates == ("T[1]", "T[2]", "T[3]")
        assert decisions[f"blocks[{i}].times"].candidates == ("1", "2", "3", "4")
        assert (f"blocks[{i}].stride" in decisions) == (i <= 5)


def test_gas_has_70_decisions_of_eight_candidates() -> None:
    found = space("gas.arch")
    assert len(found.decisions) == 70
    assert sum(len(d.candidates) for d in found.decisions.values()) == 560
    assert found.size == 8**70
    assert f"{found.size:.1e}" == "1.6e+63"


def test_autortnet_has_40_decisions_with_360_candidates() -> None:
    found = space("autortnet.arch")
    assert len(found.decisions) == 40
    assert sum(len(d.candidates) for d in found.decisions.values()) == 300 + 25 + 35
    assert found.size == 10**30 * (5 * 10 * 10) * 5**7
    assert f"{found.size:.1e}" == "3.9e+37"


# ---------------------------------------------------------------- FasterSeg's networks


@pytest.mark.parametrize(
    ("file", "parameters", "multiply_accumulates"),
    [
        ("fasterseg_student.arch", 3_421_875, 27_770_486_784),
        ("fasterseg_teacher.arch", 22_115_203, 107_778_932_736),
    ],
)
def test_fasterseg_networks_cost_what_the_released_ones_cost(
    file: str, parameters: int, multiply_accumulates: int
) -> None:
    net = network(file)
    assert params(net) == counted_params(net) == parameters
    assert macs(net) == multiply_accumulates


def test_fasterseg_networks_cost_a_quarter_at_half_the_resolution() -> None:
    assert macs(network("fasterseg_student.arch", image=(3, 512, 1024))) == 6_942_621_696
    assert macs(network("fasterseg_teacher.arch", image=(3, 512, 1024))) == 26_944_733_184


# ---------------------------------------------------------------- template networks


@pytest.mark.parametrize(
    ("file", "settings", "parameters"),
    [
        ("template_arch0.arch", {}, 280_147),
        ("template_arch0.arch", {"classes": 11}, 275_531),
        ("template_arch0.arch", {"separable_repeats": 1, "head": 48}, 228_347),
        ("template_arch1.arch", {}, 268_235),
        ("template_arch1.arch", {"classes": 11}, 263_619),
        ("template_arch1.arch", {"separable_repeats": 1, "head": 48}, 198_587),
    ],
)
def test_template_networks_have_the_released_parameters(
    file: str, settings: dict[str, object], parameters: int
) -> None:
    net = network(file, **settings)
    assert params(net) == counted_params(net) == parameters


@pytest.mark.parametrize(
    ("image", "classes", "arch0_gmacs", "arch1_gmacs"),
    [
        (HD, 19, 13.718, 18.716),
        ((3, 512, 1024), 19, 3.430, 4.679),
        ((3, 720, 960), 11, 4.324, 5.970),
        ((3, 360, 480), 19, 1.132, 1.543),
        ((3, 360, 480), 11, 1.082, 1.493),
    ],
)
def test_template_networks_have_the_measured_macs(
    image: tuple[int, int, int], classes: int, arch0_gmacs: float, arch1_gmacs: float
) -> None:
    arch0 = network("template_arch0.arch", image=image, classes=classes)
    arch1 = network("template_arch1.arch", image=image, classes=classes)
    assert round(macs(arch0) / 1e9, 3) == arch0_gmacs
    assert round(macs(arch1) / 1e9, 3) == arch1_gmacs


# ---------------------------------------------------------------- AutoRTNet's networks


@pytest.mark.parametrize(
    ("file", "published"),
    [("autortnet_a.arch", 2.5e6), ("autortnet_b.arch", 3.9e6), ("autortnet_c.arch", 1.4e6)],
)
def test_autortnet_like_networks_are_within_five_percent_of_the_published_size(
    file: str, published: float
) -> None:
    assert params(network(file)) == pytest.approx(published, rel=0.05)


def test_autortnet_a_has_the_published_gates() -> None:
    chosen = network("autortnet_a.arch").chosen
    assert [chosen[f"hyper[{k}].gate"] for k in (1, 2, 3)] == ["2", "4", "6"]


def test_autortnet_without_ops_on_its_edges_has_the_weights_of_its_adapters_alone() -> None:
    """Backbone 1 224 795 and, with three dilated merges, aggregation and multi-scale module 327 552:
    closed forms of the conventions that autortnet.arch states."""
    found = space("autortnet.arch")
    decisions = {path: "skip" for path in found.decisions if path.startswith("hyper")}
    decisions |= {f"hyper[{k}].gate": gate for k, gate in ((1, "2"), (2, "4"), (3, "6"))}
    merged = {path: "conv" for path in found.decisions if path.startswith("merged")}
    merged |= {path: "dil4" for path in merged if ".h3_" in path}
    assert params(archdsl.bind(found, decisions | merged)) == 1_224_795 + 327_552


@pytest.mark.parametrize(
    ("spec", "networks"),
    [
        ("autortnet.arch", "2.53e+37"),
        ("fasterseg.arch", "6.88e+62"),
        ("gas.arch", "1.65e+63"),
        ("space.arch", "1.33e+24"),
        ("template.arch", "1.44e+23"),
    ],
)
def test_the_networks_of_a_space_are_counted_exactly(spec: str, networks: str) -> None:
    count = space(spec).networks.count
    assert count.exact
    assert f"{count.networks:.2e}" == networks


def test_template_has_a_network_for_each_assignment_of_the_templates_that_its_blocks_use() -> None:
    found = space("template.arch")
    used = {
        1: 3,
        2: 3 * (2**7 - 2),
        3: 3**7 - 3 * 2**7 + 3,
    }  # how many of the three templates seven blocks use
    others = found.size // (3**7 * 72**3)
    assert found.networks.count.networks == others * sum(ways * 72**k for k, ways in used.items())
