"""Spaces of other papers: the number of their networks, and costs that are published or counted by hand."""

from __future__ import annotations

from collections.abc import Iterable
from math import comb, prod

import archdsl
from archdsl.passes.costs.pricing import PARAMS
from archdsl.passes.costs.space_cost import SpaceCost
from archdsl.program import Network, Space
from archdsl.resources import specs_folder


def space(name: str, **settings: object) -> Space:
    return archdsl.load(specs_folder() / "spaces" / f"{name}.arch").space(**settings)


def networks(of: Space) -> int:
    count = of.networks.count
    assert count.exact
    return count.networks


def nas_bench(kinds: str) -> Network:
    """The network whose six edges have these operations, in the order of the benchmark's strings."""
    edges = ("e01", "e02", "e12", "e03", "e13", "e23")
    return space("nas_bench_201").bind(
        {f"Shared.{edge}": kind for edge, kind in zip(edges, kinds.split(), strict=True)}
    )


def test_nas_bench_201_has_its_15_625_networks() -> None:
    assert networks(space("nas_bench_201")) == 5**6


def test_networks_of_nas_bench_201_have_the_costs_of_the_benchmark() -> None:
    """Its most costly and its least costly connected network; FLOPs there are multiply-accumulates."""
    all_conv3 = nas_bench(" ".join(["nor_conv_3x3"] * 6))
    assert (all_conv3.params, all_conv3.macs) == (1_531_546, 220_119_680)  # 1.531546 MB, 220.12 M
    all_skip = nas_bench(" ".join(["skip_connect"] * 6))
    assert (all_skip.params, all_skip.macs) == (73_306, 7_783_040)  # 0.073306 MB, 7.78 M


def test_a_network_of_nas_bench_201_with_dead_edges_has_only_what_the_output_depends_on() -> None:
    dead = nas_bench("nor_conv_3x3 none nor_conv_3x3 skip_connect none none")
    assert dead.params == 73_306  # node 1 is read by no edge that reaches the output


def genotype(cell: str, edges: Iterable[tuple[str, int]]) -> dict[str, str]:
    """Decisions of a cell in the notation of DARTS: two edges a node, as an operation and its input."""
    chosen = {}
    pairs = list(edges)
    for node in range(2, 6):
        two = pairs[2 * (node - 2) : 2 * (node - 1)]
        for kind, source in two:
            chosen[f"{cell}.nodes[{node}].edges[{source}].kind"] = kind
        if node > 2:
            inputs = sorted(source for _, source in two)
            chosen[f"{cell}.nodes[{node}].inputs"] = (
                "{" + ", ".join(f"y[{node}, {source}]" for source in inputs) + "}"
            )
    return chosen


def test_darts_has_two_edges_a_node_of_seven_operations_in_two_cells() -> None:
    cell = prod(comb(node, 2) * 7**2 for node in range(2, 6))
    assert networks(space("darts")) == cell**2
    assert round(cell**2 / 1e18, 2) == 1.08


def test_the_network_that_darts_found_has_its_published_parameters() -> None:
    """DARTS_V2 of quark0/darts, cnn/genotypes.py: 3.3 M; its log says 3.349342."""
    normal = [
        ("sep_conv_3x3", 0), ("sep_conv_3x3", 1), ("sep_conv_3x3", 0), ("sep_conv_3x3", 1),
        ("sep_conv_3x3", 1), ("skip_connect", 0), ("skip_connect", 0), ("dil_conv_3x3", 2),
    ]  # fmt: skip
    reduction = [
        ("max_pool_3x3", 0), ("max_pool_3x3", 1), ("skip_connect", 2), ("max_pool_3x3", 1),
        ("max_pool_3x3", 0), ("skip_connect", 2), ("skip_connect", 2), ("max_pool_3x3", 1),
    ]  # fmt: skip
    found = space("darts").bind(genotype("Normal", normal) | genotype("Reduction", reduction))
    assert found.params == 3_349_342


def paths_of_trellis(layers: int, levels: int) -> int:
    """Walks from the finest level; each step changes the level by at most one."""
    ways = [1, *[0] * (levels - 1)]
    for _ in range(layers - 1):
        ways = [sum(ways[max(0, k - 1) : k + 2]) for k in range(levels)]
    return sum(ways)


def test_auto_deeplab_has_the_published_numbers_of_paths_and_of_cells() -> None:
    paths, cells = paths_of_trellis(12, 4), prod((i + 1) ** 2 * 8**2 for i in range(1, 6))
    assert (f"{paths:.1e}", f"{cells:.1e}") == ("2.9e+04", "5.6e+14")
    assert networks(space("auto_deeplab", image=(3, 128, 128))) == paths * cells


SMALL = (
    "k3_e1_g1 skip skip skip k3_e6_g1 k3_e6_g1 skip skip k5_e6_g1 k3_e6_g1_d2 k5_e1_g2 k3_e1_g2 "
    "k3_e6_g1_d2 k3_e6_g1_d2 k3_e6_g1_d2 k3_e1_g1_d2 k3_e6_g1_d2 k3_e3_g1_d2 k3_e3_g1_d2 k3_e3_g1_d2"
)


def test_squeezenas_chooses_one_of_thirteen_operations_in_twenty_blocks() -> None:
    assert networks(space("squeezenas")) == 13**20


def test_a_network_that_squeezenas_found_has_its_published_multiply_accumulates() -> None:
    """lat_small of ashaw596/squeezenas, README: 4.46 GigaMACs, cut off after two digits."""
    kinds = {f"body[{i}].kind": kind for i, kind in enumerate(SMALL.split(), start=1)}
    found = space("squeezenas").bind(kinds)
    assert found.macs // 10**7 == 446


def parameters_of_unet(depth: int, width: int, kernel: int) -> int:
    """Blocks of two convolutions with batch norm, transposed convolutions of 2 × 2, a head of 19 classes."""

    def block(inputs: int, c: int) -> int:
        return (inputs * c + c * c) * kernel**2 + 4 * c

    widths = [width * 2**level for level in range(depth)]
    encoder = sum(block(inputs, c) for inputs, c in zip([3, *widths], widths, strict=False))
    decoder = sum(4 * 2 * c * c + block(2 * c, c) for c in widths[:-1])
    return encoder + decoder + 19 * (width + 1)


def test_u_nets_of_searched_depth_and_width_are_as_many_and_as_large_as_counted_by_hand() -> None:
    found = space("unet")
    assert networks(found) == 4 * sum(2 ** (2 * depth - 1) for depth in range(2, 6))
    cost = SpaceCost(found.graph)
    extremes = [cost.extreme(PARAMS, sense) for sense in ("least", "most")]
    assert [one.exact for one in extremes] == [True, True]
    assert [one.price for one in extremes] == [parameters_of_unet(2, 16, 3), parameters_of_unet(5, 64, 5)]
