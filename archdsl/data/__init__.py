"""Datasets, their validation, and batches.  torch is imported only for tensors."""

from archdsl.data.augmentation import Augmentation
from archdsl.data.batches import Batch, Batches, prefetched, whole
from archdsl.data.checking import check_data
from archdsl.data.dataset import IGNORE, Dataset, Sample, Splits
from archdsl.data.opening import open_data, open_part

__all__ = [
    "IGNORE",
    "Augmentation",
    "Batch",
    "Batches",
    "Dataset",
    "Sample",
    "Splits",
    "check_data",
    "open_data",
    "open_part",
    "prefetched",
    "whole",
]
