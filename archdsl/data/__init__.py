"""Datasets, their validation, and batches. torch is imported only by functions that return tensors."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archdsl.data.augmentation import Augmentation
    from archdsl.data.batches import Batch, Batches, prefetched, whole
    from archdsl.data.checking import check_data
    from archdsl.data.dataset import IGNORE, Dataset, Sample, Splits
    from archdsl.data.opening import open_data, open_part

_PUBLIC = {
    "IGNORE": "dataset",
    "Augmentation": "augmentation",
    "Batch": "batches",
    "Batches": "batches",
    "Dataset": "dataset",
    "Sample": "dataset",
    "Splits": "dataset",
    "check_data": "checking",
    "open_data": "opening",
    "open_part": "opening",
    "prefetched": "batches",
    "whole": "batches",
}


def __getattr__(name: str) -> object:
    """Imports the module of a public name on first use, so that listing a dataset does not import batches."""
    from importlib import import_module

    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
