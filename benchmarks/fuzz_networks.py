"""Random networks of random and shipped spaces: do space, network, text and module say the same?

    python benchmarks/fuzz_networks.py [--networks N] [--minutes M] [--fresh]

Spaces are those of `tests/grown_spaces.py` and all of `specs/`, by seed. Of each network it compares:
bound from its space; evaluated by itself under its decisions; read again from its rows, written out in full
(which `check` must accept) and as the text of its graph; parameters and MACs by the space's tables and by
the network; and, for one in `TORCH_EVERY`, parameters and shapes of the PyTorch module.

It goes on where it was stopped: counts, differences and the next case are in `results/fuzz_networks.json`.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import archdsl  # noqa: E402
from archdsl import atomic  # noqa: E402
from archdsl.diagnostics import SpecError  # noqa: E402
from archdsl.ir import Graph  # noqa: E402
from archdsl.ir.same import canonical_text  # noqa: E402
from archdsl.ir.text import dump, parse  # noqa: E402
from archdsl.passes.analyses.closed_form import Entangled  # noqa: E402
from archdsl.passes.analyses.shapes import infer  # noqa: E402
from archdsl.passes.costs.cost import costs, total  # noqa: E402
from archdsl.passes.costs.pricing import MACS, PARAMS  # noqa: E402
from archdsl.passes.costs.space_cost import SpaceCost  # noqa: E402
from archdsl.passes.transforms.simplify import simplify  # noqa: E402
from archdsl.program import Program, Space  # noqa: E402
from archdsl.spec.decompile import rows_text, written_out  # noqa: E402
from archdsl.spec.elaborate import bind_rows  # noqa: E402
from grown_spaces import seeded  # noqa: E402

RESULT = ROOT / "benchmarks" / "results" / "fuzz_networks.json"
SHIPPED = (
    "template", "gas", "autortnet", "fasterseg", "space", "camvid", "elastic", "fasterseg_branches",
    "ofa_mobilenet", "template_small",
)  # fmt: skip
PER_SPACE, SHIPPED_EVERY, TORCH_EVERY, MOST_KEPT = 12, 40, 50, 200
ADVICE = frozenset({"ARCH330"})
"""A network that is found in a space may stride where a written one should not."""


def said(graph: Graph) -> str:
    return canonical_text(simplify(graph))


class Spaces:
    """The space of each case, with what is costly to make kept."""

    def __init__(self) -> None:
        self._shipped: dict[str, tuple[Program, Space, dict[str, Any]]] = {}

    def of(self, case: int) -> tuple[str, Program, Space, dict[str, Any]] | None:
        """Its name, file, space and price tables; None where the random text is refused."""
        if case % SHIPPED_EVERY == 0:
            name = SHIPPED[case // SHIPPED_EVERY % len(SHIPPED)]
            if name not in self._shipped:
                program = archdsl.load(ROOT / "specs" / f"{name}.arch")
                space = program.space()
                self._shipped[name] = program, space, _tables(space)
            return name, *self._shipped[name]
        program = archdsl.load("grown.arch", text=seeded(case).text)
        try:
            space = program.space("S")
        except SpecError:
            return None
        return "grown", program, space, _tables(space)


def _tables(space: Space) -> dict[str, Any]:
    try:
        cost = SpaceCost(space.graph)
        return {"params": cost.pricer(PARAMS), "macs": cost.pricer(MACS)}
    except Entangled:
        return {}


def differences(
    program: Program, space: Space, tables: Mapping[str, Any], decisions: Mapping[str, str], torch: bool
) -> Iterator[str] | None:
    """What differs between forms of a network; None where it is not well-typed, by itself as well."""
    try:
        found = space.bind(decisions, "F")
    except SpecError:
        return None
    return _of(program, space, tables, found, torch)


def _of(
    program: Program, space: Space, tables: Mapping[str, Any], found: archdsl.Network, torch: bool
) -> Iterator[str]:
    here, whole = said(found.bound), simplify(found.bound)  # with outputs that only the training has
    declared = program.spaces[space.name]
    if said(bind_rows(program.unit, declared, {}, found.chosen).graph) != here:
        yield "evaluated by itself it is another network"
    folder = program.path.parent if program.path else Path()
    rows = rows_text(found.bound, "grown.arch" if program.path is None else program.path.name)
    if program.path is None or not program.path.exists():
        rows = program.unit.source.text + "network " + rows.partition("network ")[2]
    if said(archdsl.load(folder / "rows.arch", text=rows).network("F").bound) != here:
        yield "its rows are read as another network"
    full = archdsl.load("full.arch", text=written_out(whole))
    if said(full.network().bound) != here:
        yield "written out it is read as another network"
    refused = {d.code for d in full.check().diagnostics if d.severity == "error"} - ADVICE
    if refused - {"ARCH404"}:
        yield f"written out it is refused: {', '.join(sorted(refused))}"
    if said(parse(dump(whole))) != here:
        yield "the text of its graph is read as another network"
    cost = total(costs(whole).values())
    outcomes = [d.index[found.chosen.get(p, d.outcomes[0])] for p, d in space.decisions.items()]
    for what, table in tables.items():
        if int(price := table.one(outcomes)) != getattr(cost, what):
            yield f"{what} are {getattr(cost, what)}, and {price} by the space"
    if torch:
        yield from _module(found)


def _module(found: archdsl.Network) -> Iterator[str]:
    import torch

    module = found.module()
    if sum(p.numel() for p in module.parameters()) != total(costs(found.graph).values()).params:
        yield "the module has another number of parameters"
    with torch.inference_mode():
        made = module(*[torch.zeros(1, *size) for size in found.graph.inputs.values()])
    main = next(iter(found.graph.outputs.values()))
    if tuple(made.shape[1:]) != tuple(infer(found.graph)[main]):
        yield "the module gives another shape"


def run(state: dict[str, Any], networks: int, until: float) -> None:
    spaces = Spaces()
    while state["networks"] < networks and time.monotonic() < until:
        case = state["next"]
        state["next"] = case + 1
        try:
            _case(state, spaces, case)
        except Exception as error:  # what is not expected is what is looked for
            _note(state, case, f"{type(error).__name__}: {error}", {})
        if case % 50 == 0:
            atomic.write_text(RESULT, json.dumps(state, indent=1) + "\n")
    atomic.write_text(RESULT, json.dumps(state, indent=1) + "\n")


def _case(state: dict[str, Any], spaces: Spaces, case: int) -> None:
    given = spaces.of(case)
    if given is None:
        state["refused spaces"] += 1
        return
    name, program, space, tables = given
    state["spaces"][name] = state["spaces"].get(name, 0) + 1
    rng, drawn = random.Random(case), set()
    for _ in range(PER_SPACE if name == "grown" else 1):
        decisions = space.sample(rng)
        if (key := tuple(decisions.values())) in drawn:
            continue
        drawn.add(key)
        small = name == "grown"
        torch = small and state["networks"] % TORCH_EVERY == 0
        found = differences(program, space, tables, decisions, torch)
        if found is None:
            state["ill-typed"] += 1
            continue
        state["networks"] += 1
        state["torch"] += torch
        for what in found:
            _note(state, case, what, decisions)


def _note(state: dict[str, Any], case: int, what: str, decisions: Mapping[str, str]) -> None:
    state["differences"] += 1
    if len(state["cases"]) < MOST_KEPT:
        state["cases"].append({"case": case, "what": what, "decisions": dict(decisions)})
    print(f"case {case}: {what}", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--fresh", action="store_true", help="begin anew")
    given = parser.parse_args()
    state: dict[str, Any] = {
        "next": 0, "networks": 0, "torch": 0, "ill-typed": 0, "refused spaces": 0, "spaces": {},
        "differences": 0, "cases": [],
    }  # fmt: skip
    if RESULT.exists() and not given.fresh:
        state = json.loads(RESULT.read_text("utf-8"))
    run(state, given.networks, time.monotonic() + 60 * given.minutes)
    print({key: value for key, value in state.items() if key != "cases"})
    sys.exit(1 if state["differences"] else 0)


if __name__ == "__main__":
    main()
