"""What a search leaves of the network it found: its text and its weights."""

from __future__ import annotations

import json
from pathlib import Path

from torch import nn

from archdsl import atomic
from archdsl.data.dataset import Splits
from archdsl.search.folder import SearchFolder
from archdsl.search.result import Result
from archdsl.train.weights import SPEC, network_hash, save_weights


def keep(folder: SearchFolder, found: Result, module: nn.Module, splits: Splits) -> None:
    """Writes the found network as text, and its weights."""
    write_text(folder.found, found.network.to_arch())
    train = splits.train
    told = {
        SPEC: network_hash(found.network), "name": found.network.name, "data": train.name,
        "classes": json.dumps(train.classes), "colours": json.dumps(train.colours),
    }  # fmt: skip
    save_weights(folder.weights, module, told)


def write_text(path: Path, text: str) -> None:
    """Writes a file as a whole, and the folders that it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_text(path, text)
