"""Writes the HTML report of a search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archdsl.search.differentiable.driver import Search
    from archdsl.search.differentiable.members import CoSearchMember


def write_report(search: Search) -> None:
    """Writes report.html into the run folder; of several architectures one into the folder of each."""
    from archdsl import atomic
    from archdsl.backends.diagram import svg
    from archdsl.report.search_page import search_page
    from archdsl.report.text_tables import layers_text

    dataset = search.splits.val
    for member in search.members:
        found, of_classes = search.most_probable(member), member.objective.scored[0].task == "classes"
        legend = list(zip(dataset.classes, dataset.colours, strict=True)) if of_classes else []
        graph, shown = found.network.graph, _predictions(search, found, member) if of_classes else []
        page = search_page(
            search.folder.path, layers_text(graph), svg(graph), shown, legend, member.name or None
        )
        folder = search.folder_of(member)
        folder.path.mkdir(parents=True, exist_ok=True)
        atomic.write_text(folder.report, page)


def _predictions(
    search: Search, found: Any, member: CoSearchMember, most: int = 4
) -> list[tuple[str, bytes, bytes, bytes]]:
    """Images, their labels, and the predictions of the network found, as PNG."""
    import numpy as np
    import torch
    from PIL import Image

    from archdsl.data.batches import whole
    from archdsl.data.channels import as_colours
    from archdsl.data.targets import read_maps
    from archdsl.report.pictures import png
    from archdsl.train.evaluation import at_size, demand_fitting, graph_of, logits_of
    from archdsl.train.overlay import numbers

    module, dataset = search.recalibrated(found, member), search.splits.val
    shown = []
    for i in range(min(most, len(dataset))):
        sample, batch = dataset[i], whole(dataset, i, inputs=read_maps(dataset, graph_of(module)))
        height, width = batch.images_B3HW.shape[-2:]
        fit = demand_fitting(module, (height, width), dataset.channels)
        with torch.inference_mode():
            logits_BKHW = logits_of(module, batch.images_B3HW.to(search.processes.device), fit)
            seen = at_size(logits_BKHW, sample.mask.shape).argmax(1)[0].cpu().numpy()
        colours = [*dataset.colours, *[(0, 0, 0)] * (256 - len(dataset.colours))]
        truth = numbers(np.asarray(sample.mask), colours)
        image, seen_too = Image.fromarray(as_colours(sample.image)), numbers(seen, colours)
        labels, answer = png(truth.convert("RGB")), png(seen_too.convert("RGB"))
        shown.append((sample.name, png(image), labels, answer))
    return shown
