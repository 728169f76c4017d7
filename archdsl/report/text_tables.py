"""Plain-text tables, and the layer table."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

from archdsl.report.numbers import large, plural, shape, thousands

if TYPE_CHECKING:
    from archdsl.ir.graph import Graph
    from archdsl.ops.base import Cost
    from archdsl.passes.costs.layers import LayerRow

By = Literal["op", "primitive"]
WIDEST = 60
"""The maximum length of a cell; longer ones are cut."""


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[int] = ()) -> str:
    """A table as plain text ending with a line break; `numeric` are indices of right-aligned columns."""
    whole = [[_short(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[i]) for row in whole) for i in range(len(head))]

    def line(row: Sequence[str]) -> str:
        sized = enumerate(zip(row, widths, strict=True))
        return "  ".join(c.rjust(w) if i in numeric else c.ljust(w) for i, (c, w) in sized).rstrip()

    rule = "  ".join("-" * w for w in widths)
    return "\n".join([line(whole[0]), rule, *map(line, whole[1:])]) + "\n"


def _short(cell: str) -> str:
    return cell if len(cell) <= WIDEST else cell[: WIDEST - 1] + "…"


def layers(graph: Graph, by: By) -> tuple[list[LayerRow], Cost]:
    """The layer table of a network, a row for each declared op or primitive (`by`), and the total cost."""
    from archdsl.passes.costs.layers import layer_table, totals

    rows = layer_table(graph, by)
    return rows, totals(rows)


def layers_text(graph: Graph, by: By = "op") -> str:
    """The layer table of a network as text, with totals.

    `stride` is the ratio of a layer's input height to its output height, `at` the ratio of its output height
    to the height of the network's input.
    """
    rows, total = layers(graph, by)
    cells = [
        [
            r.name, r.op, ", ".join(r.inputs), shape(r.shape), str(r.stride), str(1 / r.total_stride),
            thousands(r.params), thousands(r.macs),
        ]
        for r in rows
    ]  # fmt: skip
    head = ("name", "op", "input", "shape", "stride", "at", "parameters", "MACs")
    body = table(head, [*cells, _total(total)], numeric=(4, 5, 6, 7))
    counted = f"{plural(len(rows), 'layer')}, {total.params:,} parameters, {total.macs:,} MACs"
    return f"{body}\n{counted} ({large(2 * total.macs)} FLOPs)\n"


def _total(total: Cost) -> list[str]:
    return ["total", "", "", "", "", "", thousands(total.params), thousands(total.macs)]


def layers_data(graph: Graph, by: By = "op") -> dict[str, Any]:
    """The layer table as JSON values; strides < 1, of upsampling, are fractions as text: "1/2"."""
    rows, total = layers(graph, by)
    found = [
        {
            "name": r.name,
            "op": r.op,
            "inputs": list(r.inputs),
            "shape": list(r.shape),
            "stride": _number(r.stride),
            "total_stride": _number(r.total_stride),
            "params": r.params,
            "macs": r.macs,
        }
        for r in rows
    ]
    return {"layers": found, "params": total.params, "macs": total.macs}


def _number(stride: Fraction) -> int | str:
    return stride.numerator if stride.denominator == 1 else str(stride)
