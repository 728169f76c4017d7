"""Message passing between the architecture parameters of cells, used during the search only.

Cells and their order are those of `archdsl.passes.analyses.cells`: for example, the five edges of
`cells[3].x` are a cell, which receives messages from the previous cell of the same form. Shapes: p decisions
of a cell, q outcomes of a decision, hidden width d.
"""

from __future__ import annotations

import torch
from torch import nn

from archdsl.passes.analyses.cells import CellGraph
from archdsl.search.config import Communication

Vectors = dict[str, torch.Tensor]


class Linked(nn.Module):
    """Message passing: maps the logits of all decisions to logits that depend on previous cells."""

    def __init__(self, graph: CellGraph, how: Communication):
        super().__init__()
        self.cells, self.pairs, self.how = graph.cells, graph.before, how
        made = {"dense": Dense, "gcn": GraphConvolution}.get(how.link)
        self.messages = nn.ModuleDict(
            {str(k): made(*self.cells[k].form, how.hidden) for k in self.pairs} if made else {}
        )

    def forward(self, vectors: Vectors) -> Vectors:
        result = dict(vectors)
        before = result if self.how.source == "updated" else vectors
        for k, j in self.pairs.items():
            names = self.cells[k].decisions
            if self.how.link == "shared":
                result.update(zip(names, (result[path] for path in self.cells[j].decisions), strict=True))
                continue
            raw_pq = torch.stack([before[path] for path in self.cells[j].decisions])
            own_pq = torch.stack([vectors[path] for path in names])
            told_pq = own_pq + self.how.residual * self.messages[str(k)](own_pq, raw_pq)
            result.update(zip(names, told_pq.unbind(), strict=True))
        return result


class GraphConvolution(nn.Module):
    """The GCN-guided module of GAS (arXiv:1909.06793, section 3.3), reconstructed, as no code was released.

    The nodes of the graph are the p decisions of a cell. The adjacency matrix is the similarity of the
    decisions of the cell and of the previous one, softmax((own w1)(before w2)ᵀ) by row. A residual graph
    convolution, Adj X W + X, is applied between linear maps of each node from q to d and back.
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
    """Messages by two linear layers, from all decisions of the previous cell to all decisions of a cell."""

    def __init__(self, p: int, q: int, d: int):
        super().__init__()
        self.layers = nn.Sequential(_linear(p * q, d), nn.ReLU(), _linear(d, p * q))

    def forward(self, own_pq: torch.Tensor, before_pq: torch.Tensor) -> torch.Tensor:
        message_pq: torch.Tensor = self.layers(before_pq.flatten()).view_as(own_pq)
        return message_pq


def _linear(inputs: int, outputs: int) -> nn.Linear:
    """A linear layer with zero initial bias, so that zero logits initially send zero messages."""
    made = nn.Linear(inputs, outputs)
    nn.init.zeros_(made.bias)
    return made


def linked(cells: CellGraph, how: Communication, seed: int) -> Linked | None:
    """The message passing of a search, initialized by `seed`; None if it is disabled ("independent")."""
    if how.link == "independent":
        return None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Linked(cells, how)
