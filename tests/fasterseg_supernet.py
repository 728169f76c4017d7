"""FasterSeg's small supernet, filled as the reference data says (by position in the released listing)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import archdsl
import shapefill
from archdsl.backends.elastic.network import ElasticNetwork
from archdsl.backends.elastic.shared import SharedNetworks, build
from archdsl.ir import Graph
from archdsl.passes.transforms.distribute import Distribute
from archdsl.resources import specs_folder

ROWS = (8, 16, 32)
UNITS = (2, 3, 4)
"""Widths in channels per unit of stride: 0.5, 0.75 and 1 of 4."""
LAST = {"teacher": 4, "student": 2}
NUMBER = {"teacher": 0, "student": 1}
OPS = ("skip", "conv", "zoom", "conv2", "zoom2")
HEADS = ("at8", "at16", "at32", "both8", "both16")
PRIVATE = ("stem", "keep", "fused16", "fused32", "pair8", "pair16", "at8", "at16", "at32")

Vectors = dict[str, torch.Tensor]


def graph(last: int) -> Graph:
    """The space with six layers and four channels per unit, its cells evaluated on both inputs."""
    program = archdsl.load(specs_folder() / "fasterseg.arch")
    space = program.space(layers=6, units="{2, 3, 4}", last=last, image=(3, 64, 128))
    return Distribute("x")(space.graph)


@dataclass
class Reference:
    """The supernet under the reference's weights, float64, with the listing of the released one."""

    folder: Path

    @cached_property
    def arrays(self) -> Mapping[str, np.ndarray]:
        return dict(np.load(self.folder / "fasterseg_small_supernet_reference.npz"))

    @cached_property
    def listing(self) -> list[dict[str, Any]]:
        text = (self.folder / "fasterseg_small_supernet_state_dict.json").read_text("utf-8")
        found: list[dict[str, Any]] = json.loads(text)["keys"]
        return found

    @cached_property
    def values(self) -> dict[str, torch.Tensor]:
        return {
            one["key"]: shapefill.filled(one["kind"], one["shape"], one["i"])
            for one in self.listing
            if one["kind"] not in ("arch", "nbt")
        }

    @cached_property
    def net(self) -> SharedNetworks:
        net = build({name: graph(last) for name, last in LAST.items()}, PRIVATE, bn="per_width").double()
        with torch.no_grad():
            for name in LAST:
                for ours, theirs in self._pairs(name):
                    self._fill(net.members[name], ours, theirs)
        return net

    def _pairs(self, name: str) -> Iterator[tuple[str, str]]:
        """Prefixes of our weights, and of the released ones."""
        a = NUMBER[name]
        yield f"{name}.stem.conv_bn_relu", f"stem.{a}.0."
        yield f"{name}.stem.double_conv", f"stem.{a}.1."
        yield f"{name}.keep[0, 8]", f"stem.{a}.2."
        yield f"{name}.fused16", f"refine16.{a}."
        for ours, theirs in (
            ("fuse_2.up", 0),
            ("fuse_2.conv_bn_relu", 1),
            ("fuse.up", 2),
            ("fuse.conv_bn_relu", 3),
        ):
            yield f"{name}.fused32.{ours}", f"refine32.{a}.{theirs}."
        heads = {"at8": "head0", "at16": "head1", "at32": "head2", "pair8": "head02", "pair16": "head12"}
        for ours, theirs in heads.items():  # type: ignore[assignment]
            yield f"{name}.{ours}", f"{theirs}.{a}."
        for layer in range(6):
            for row, r in enumerate(ROWS[: layer + 1]):
                for number, op in enumerate(OPS):
                    yield f"cells[{layer + 1}, {r}].keep.{op}.", f"cells.{layer}.{row}._op._ops.{number}."
                    if row < 2 and layer < 5:
                        there = f"cells.{layer}.{row}.downsample._ops.{number}."
                        yield f"cells[{layer + 1}, {r}].down.{op}.", there

    def _fill(self, member: ElasticNetwork, ours: str, theirs: str) -> None:
        mine = {w: member._modules[a] for w, a in member._stored.items() if w.startswith(ours)}
        convs = [module for module in mine.values() if isinstance(module, nn.Conv2d)]
        keys = [one["key"] for one in self.listing if one["key"].startswith(theirs)]
        weights = [key for key in keys if key in self.values and self.values[key].ndim == 4]
        for module, key in zip(convs, weights, strict=True):
            module.weight.copy_(self.values[key])
            if module.bias is not None:
                module.bias.copy_(self.values[key.replace("weight", "bias")])
        norms: dict[str, list[nn.BatchNorm2d]] = {}
        for name, module in mine.items():
            if isinstance(module, nn.BatchNorm2d):
                norms.setdefault(re.sub(r"\[[\d, ]+\]$", "", name), []).append(module)
        stems = [key.removesuffix(".running_mean") for key in keys if key.endswith(".running_mean")]
        there: dict[str, list[str]] = {}
        for stem in stems:
            there.setdefault(re.sub(r"\.bn\.\d$", "", stem), []).append(stem)
        for sets, named in zip(norms.values(), there.values(), strict=True):
            by_width = {len(self.values[f"{stem}.weight"]): stem for stem in named}
            for module in sets:
                stem = by_width[module.num_features]
                for key, own in (*module.named_parameters(), *module.named_buffers()):
                    if key != "num_batches_tracked":
                        own.copy_(self.values[f"{stem}.{key}"])

    def logits(self, name: str) -> dict[str, torch.Tensor]:
        """Architecture parameters: alpha, beta and ratio by row of resolutions."""
        found = {}
        for row, r in enumerate(ROWS):
            shapes = {"alpha": (6 - row, 5), "beta": (5 - row, 2), "ratio": ((5, 5, 4)[row], 3)}
            for kind, (what, shape) in enumerate(shapes.items()):
                if what == "beta" and not row:
                    continue
                index = 700_000 + 100 * NUMBER[name] + 10 * kind + row
                values = 0.5 * shapefill.values(index, math.prod(shape)).reshape(shape)
                found[f"{what}{r}"] = torch.from_numpy(values).requires_grad_()
        return found

    def outputs(self, name: str, sizes: str, logits: Mapping[str, torch.Tensor]) -> list[torch.Tensor]:
        """The five heads at 1/8; `sizes` is max, min or arch_ratio (sampled, without noise)."""
        member = self.net.members[name]
        outcomes, weights = self._decided(member.archdsl_graph, sizes, logits)
        found = member.forward_all(
            torch.from_numpy(self.arrays["x"]).double(), outcomes=outcomes, weights=weights
        )
        return [found[head] for head in HEADS]

    def _decided(
        self, of: Graph, sizes: str, logits: Mapping[str, torch.Tensor]
    ) -> tuple[dict[str, int], Vectors]:
        outcomes: dict[str, int] = {}
        weights: Vectors = {"pair": torch.full((2,), 0.5, dtype=torch.float64)}
        for path in of.decisions:
            if path == "pair":
                continue
            layer, r = map(int, re.findall(r"\d+", path)[:2])
            row = layer - 1 - ROWS.index(r)
            if path.endswith(".kind"):
                weights[path] = logits[f"alpha{r}"][row].softmax(0)
            elif path.endswith(".x"):
                weights[path] = logits[f"beta{r}"][row - 1].softmax(0)
            elif sizes in ("max", "min"):
                outcomes[path] = 2 if sizes == "max" else 0
            else:  # one of at layer l and row j is entry l - 1, or l - 2 in the last row
                soft = logits[f"ratio{r}"][layer - 1 if r < 32 else layer - 2].softmax(0)
                outcomes[path] = int(soft.argmax())
                hard = torch.zeros_like(soft)
                hard[outcomes[path]] = 1
                weights[path] = hard - soft.detach() + soft
        return outcomes, weights
