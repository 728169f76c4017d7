"""Writes the network found by a search: spec and weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from torch import nn

from archdsl import atomic
from archdsl.data.dataset import Splits
from archdsl.program import Space
from archdsl.search.folder import SearchFolder
from archdsl.search.found_text import text_of
from archdsl.search.result import Result
from archdsl.train.weights import SPEC, network_hash, save_weights


def keep(
    folder: SearchFolder, space: Space, found: Result, module: nn.Module, splits: Splits,
    facts: Mapping[str, str],
) -> None:  # fmt: skip
    """Writes the network found as a spec, and the weights of `module`, with `facts` as further metadata."""
    write_text(folder.found, text_of(space, found))
    if found.decoded is not None:
        write_text(folder.decoded, found.decoded.to_arch())
    train = splits.train
    metadata = {
        SPEC: network_hash(found.network), "name": found.network.name, "data": train.name,
        "classes": json.dumps(train.classes), "colours": json.dumps(train.colours), **facts,
    }  # fmt: skip
    save_weights(folder.weights, module, metadata)


def write_text(path: Path, text: str) -> None:
    """Writes a file atomically, and creates its parent folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_text(path, text)
