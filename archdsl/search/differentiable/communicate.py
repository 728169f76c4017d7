"""Messages between the decisions of cells while searching; the found network knows nothing of them.

A cell is two or more decisions whose paths agree up to the last dot: the five edges of `cells[3].x`.  Cells
follow one another in the order of the space; each is told of the last before it that has as many decisions,
of as many outcomes.  p is the number of decisions of a cell, q that of their outcomes, d the hidden width.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from archdsl.ir import Decision
from archdsl.search.config import Communication

Vectors = dict[str, torch.Tensor]


class Linked(nn.Module):
    """Logits of decisions, with messages between neighbouring cells."""

    def __init__(self, cells: list[list[str]], sizes: list[tuple[int, int]], how: Communication):
        super().__init__()
        self.cells, self.how = cells, how
        alike = [[j for j in range(k) if sizes[j] == sizes[k]] for k in range(len(cells))]
        self.pairs = {k: before[-1] for k, before in enumerate(alike) if before}
        made = {"dense": Dense, "gcn": GraphConvolution}.get(how.link)
        self.messages = nn.ModuleDict(
            {str(k): made(*sizes[k], how.hidden) for k in self.pairs} if made else {}
        )

    def forward(self, vectors: Vectors) -> Vectors:
        result = dict(vectors)
        before = result if self.how.source == "updated" else vectors
        for k, j in self.pairs.items():
            names = self.cells[k]
            if self.how.link == "shared":
                result.update(zip(names, (result[path] for path in self.cells[j]), strict=True))
                continue
            raw_pq = torch.stack([before[path] for path in self.cells[j]])
            own_pq = torch.stack([vectors[path] for path in names])
            told_pq = own_pq + self.how.residual * self.messages[str(k)](own_pq, raw_pq)
            result.update(zip(names, told_pq.unbind(), strict=True))
        return result


class GraphConvolution(nn.Module):
    """The GCN-guided module of GAS (arXiv:1909.06793, section 3.3), as recalled; no code was released.

    Nodes of the graph are the decisions of a cell.  Edges are how alike decisions of the two cells are:
    softmax((own w1)(before w2)ᵀ) by row.  One residual layer, Adj X W + X, between two linear maps of each
    node, q to d and back.
    """

    def __init__(self, p: int, q: int, d: int):
        super().__init__()
        self.own_qq = nn.Parameter(torch.randn(q, q) / q**0.5)
        self.before_qq = nn.Parameter(torch.randn(q, q) / q**0.5)
        self.enter, self.leave = _linear(q, d), _linear(d, q)
        self.weight_dd = nn.Parameter(torch.randn(d, d) / d**0.5)

    def forward(self, own_pq: torch.Tensor, before_pq: torch.Tensor) -> torch.Tensor:
        alike_pp = ((own_pq @ self.own_qq) @ (before_pq @ self.before_qq).T).softmax(1)
        x_pd = self.enter(before_pq)
        message_pq: torch.Tensor = self.leave(alike_pp @ x_pd @ self.weight_dd + x_pd)
        return message_pq


class Dense(nn.Module):
    """Every decision of a cell is told of every decision of the one before: two linear layers."""

    def __init__(self, p: int, q: int, d: int):
        super().__init__()
        self.layers = nn.Sequential(_linear(p * q, d), nn.ReLU(), _linear(d, p * q))

    def forward(self, own_pq: torch.Tensor, before_pq: torch.Tensor) -> torch.Tensor:
        message_pq: torch.Tensor = self.layers(before_pq.flatten()).view_as(own_pq)
        return message_pq


def _linear(inputs: int, outputs: int) -> nn.Linear:
    """A linear map whose bias starts at 0, so that cells that prefer nothing say nothing at first."""
    made = nn.Linear(inputs, outputs)
    nn.init.zeros_(made.bias)
    return made


def linked(decisions: Mapping[str, Decision], how: Communication, seed: int) -> Linked | None:
    """The messages of a search; None where cells are independent."""
    if how.link == "independent":
        return None
    cells: dict[str, list[str]] = {}
    for path in decisions:
        cells.setdefault(path.rpartition(".")[0], []).append(path)
    found = [p for p in cells.values() if len(p) > 1 and len({decisions[path].size for path in p}) == 1]
    sizes = [(len(paths), decisions[paths[0]].size) for paths in found]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Linked(found, sizes, how)
