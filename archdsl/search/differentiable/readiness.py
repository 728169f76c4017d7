"""Checks of a space and data before a differentiable search creates its run folder."""

from __future__ import annotations

from archdsl.backends.supernet.fitting import demand_trainable, fitting
from archdsl.data.augmentation import Augmentation
from archdsl.data.batches import Batches
from archdsl.data.dataset import Dataset, Splits
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.ir import Graph
from archdsl.search.config import SearchConfig
from archdsl.search.differentiable.sharing import is_elastic
from archdsl.search.terms import cannot, nothing_to_search


def crop_of(config: SearchConfig, graph: Graph) -> tuple[int, int]:
    """The height and width of training crops: the setting of the dataset, or else the space's input size."""
    _, height, width = next(iter(graph.inputs.values()))
    given = config.batched.crop
    return (int(given[0]), int(given[1])) if given else (height, width)


def demand_ready(config: SearchConfig, graph: Graph, splits: Splits, world: int = 1) -> None:
    """Raises SpecError if a search by `world` processes would fail in a training step or in scoring.

    ARCH606: the space has no decisions, or too few images for `order = 1`; ARCH906: the batch size is not
    divisible by the number of processes; ARCH918, ARCH829 and ARCH935: as `demand_runs`.
    """
    if not graph.decisions:
        raise nothing_to_search(graph)
    if config.order == 1 and len(splits.train) < 2:
        headline = "`order = 1` needs at least 2 training images"
        raise cannot(f"{headline}, got 1", "set order = 0, or add images")
    Batches(splits.train, config.batch, Augmentation(crop_of(config, graph)), 0, 0, world)
    demand_runs(config, graph, splits)


def demand_runs(config: SearchConfig, graph: Graph, splits: Splits) -> None:
    """Raises SpecError if a space or network cannot be trained on the batches of a search, or scored.

    ARCH918: it does not support the size of crops or of validation images; ARCH829: the batch size is 1, and
    a batch normalization follows global pooling to 1 × 1; ARCH935: it has no parameters.
    """
    elastic = is_elastic(config.share, graph)
    demand_trainable(graph, crop_of(config, graph), config.batch, elastic)
    demand_scorable(graph, splits.val, elastic)


def demand_scorable(graph: Graph, dataset: Dataset, elastic: bool = False) -> None:
    """Raises SpecError (ARCH918) if a space or network does not support the first image's (padded) size."""
    height, width = dataset[0].mask.shape
    if fitting(graph, (height, width), elastic) is None:
        headline = f"{graph.name} does not support images of {height}×{width}, even padded"
        raise SpecError(
            [Diagnostic("ARCH918", headline, help="the first validation image has this size: set `resize`")]
        )
