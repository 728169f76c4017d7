"""Writes the HTML report of a search."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archdsl.search.differentiable.driver import Search


def write_report(search: Search) -> None:
    """Writes report.html into the run folder; for a co-search, into the folder of each architecture."""
    from archdsl import atomic
    from archdsl.backends.diagram import svg
    from archdsl.report.search_page import search_page
    from archdsl.report.text_tables import layers_text
    from archdsl.train.drawing import drawn_predictions, legend_of

    dataset = search.splits.val
    for member in search.members:
        found, outputs = search.most_probable(member), member.objective.scored
        graph, module = found.network.graph, search.recalibrated(found, member)
        shown = drawn_predictions(module, dataset, outputs, search.processes)
        legend = legend_of(outputs, dataset)
        page = search_page(
            search.folder.path, layers_text(graph), svg(graph), shown, legend, member.name or None
        )
        folder = search.folder_of(member)
        folder.path.mkdir(parents=True, exist_ok=True)
        atomic.write_text(folder.report, page)
