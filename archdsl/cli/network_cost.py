"""Costs of a network as JSON values, text, and an HTML page.

Keys with a leading underscore are for the page only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archdsl.report.numbers import bytes_text, shape, thousands
from archdsl.report.text_tables import table

if TYPE_CHECKING:
    from archdsl.program import Network


def of_network(network: Network, dtype: str, by: Any) -> dict[str, Any]:
    """The costs of a network, in total and by layer, as JSON values."""
    from archdsl.passes.analyses.shapes import infer
    from archdsl.passes.costs.cost import network_cost
    from archdsl.passes.costs.layers import layer_table

    graph = network.graph
    shapes = infer(graph)
    found = network_cost(graph, shapes, dtype)
    members: dict[str, list[str]] = {}
    for node, item in graph.nodes.items():
        row = getattr(item, "instance", None) if by == "op" else None
        members.setdefault(row or node, []).append(node)
    layers = []
    for layer in layer_table(graph, by):
        nodes = [found.nodes[n] for n in members[layer.name]]
        last = found.nodes[members[layer.name][-1]]
        layers.append(
            {
                "name": layer.name,
                "op": layer.op,
                "shape": list(layer.shape),
                "params": layer.params,
                "macs": layer.macs,
                "traffic_bytes": sum(n.traffic_bytes for n in nodes),
                "memory_bytes": max(n.memory_bytes for n in nodes),
                "receptive_field": [last.receptive_field.rows, last.receptive_field.columns],
            }
        )
    field = found.receptive_field
    return {
        "network": network.name,
        "params": found.params,
        "macs": found.macs,
        "flops": found.flops,
        "dtype": dtype,
        "traffic_bytes": found.traffic_bytes,
        "peak_memory_bytes": found.memory.peak_bytes,
        "peak_memory_at": found.memory.at,
        "receptive_field": {
            "rows": field.rows,
            "columns": field.columns,
            "whole": list(field.whole),
            "exact": field.exact,
        },
        "layers": layers,
        "_field": str(field),
    }


def _totals(found: dict[str, Any]) -> list[tuple[str, str]]:
    where = f" (while `{found['peak_memory_at']}` runs)" if found["peak_memory_at"] else ""
    return [
        ("parameters", thousands(found["params"])),
        ("MACs", f"{thousands(found['macs'])} ({thousands(found['flops'])} FLOPs = 2 × MACs)"),
        (
            "traffic",
            f"{bytes_text(found['traffic_bytes'])} of activations read and written, {found['dtype']}",
        ),
        ("peak memory", f"{bytes_text(found['peak_memory_bytes'])} of activations{where}"),
        ("receptive field", found["_field"]),
    ]


def _layer_rows(found: dict[str, Any]) -> tuple[tuple[str, ...], list[list[str]]]:
    head = ("name", "op", "shape", "parameters", "MACs", "traffic", "memory", "sees")
    rows = [
        [
            r["name"], r["op"], shape(r["shape"]), thousands(r["params"]), thousands(r["macs"]),
            bytes_text(r["traffic_bytes"]), bytes_text(r["memory_bytes"]), shape(r["receptive_field"]),
        ]
        for r in found["layers"]
    ]  # fmt: skip
    return head, rows


def network_text(found: dict[str, Any]) -> str:
    """The table of layers, and the totals, as text."""
    head, rows = _layer_rows(found)
    lines = [f"{name:<16} {value}" for name, value in _totals(found)]
    return table(head, rows, numeric=(2, 3, 4, 5, 6, 7)) + "\n" + "\n".join(lines) + "\n"


def network_page(found: dict[str, Any]) -> str:
    """An HTML page with the table of layers, bars of their costs, and the totals."""
    from archdsl.report.charts import Bar, bars, short
    from archdsl.report.sheet import section, sheet

    charts = []
    for key, title in (("macs", "MACs"), ("params", "Parameters"), ("traffic_bytes", "Activation traffic")):
        rows = [Bar(r["name"], float(r[key])) for r in found["layers"] if r[key]]
        largest = sorted(rows, key=lambda bar: -bar.value)[:40]
        shown = [bar for bar in rows if bar in largest]
        note = f", the largest {len(shown)} of {len(rows)}" if len(shown) < len(rows) else ""
        unit, write = ("B", short) if key == "traffic_bytes" else ("", short)
        charts.append(bars(shown, title=f"{title} by layer{note}", unit=unit, format=write))
    head, rows_ = _layer_rows(found)
    return sheet(
        f"Cost of {found['network']}",
        (),
        [
            section("Totals, per image", head=("what", "value"), rows=_totals(found)),
            section("By layer", charts=charts),
            section("Layers", head=head, rows=rows_),
        ],
    )
