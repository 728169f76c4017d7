"""A small search to run in tests: two hyper-cells, 32 × 64 pixels, a few steps."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch

import archdsl
from archdsl.backends.supernet import build
from archdsl.data.opening import open_data
from archdsl.runs.processes import Processes
from archdsl.search.config import SearchConfig
from archdsl.search.differentiable.driver import Search
from archdsl.search.differentiable.learner import Learner
from archdsl.search.differentiable.members import CoSearchMember
from archdsl.search.differentiable.objective import ObjectiveFunction
from archdsl.search.folder import SearchFolder
from archdsl.search.reading import read_config

SPEC = """arch 1

import conv1, conv_bn_relu, factorized_reduce, sep1, skip from "std/ops.arch"
import TwoNode, adapted from "std/cells.arch"

OPS = {zero, skip, conv: conv1, sep: sep1}

space Tiny(; classes = 11) {
  input image: [3, 32, 64]
  x[1, 0] = image -> conv_bn_relu(c = 4, s = 2)
  before = x[1, 0] -> conv1(c = 4, k = 1)
  stage hyper for k in 1..2 {
    Reduce = once TwoNode(ops = OPS)
    Normal = once TwoNode(ops = OPS)
    x[k, 1] = Reduce(x[k, 0] -> conv1(c = 4, k = 1), before, c = 4, s = 2)
    stage cells for i in 2..3 {
      last = x[k, i - 1]
      x[k, i] = Normal(last -> conv1(c = 4, k = 1), adapted(x[k, i - 2], last, c = 4), c = 4)
    }
    gate = one of {1..3}
    x[k + 1, 0] = x[k, gate]
    before = (x[k, 0] -> factorized_reduce(c = 4)) if gate == 1 else (x[k, gate - 1] -> conv1(c = 4, k = 1))
  }
  y = concat(x[3, 0], before) -> conv(c = classes, k = 1, bias = true)
  output logits = y -> upsample(like = image)
}

search Quick for Tiny {
  strategy = differentiable(sampler = gumbel(tau = 3.0, end = 0.1), epochs = 3, gates_from = 1)
  architecture {
    optimizer = adam(lr = 0.05, betas = [0.5, 0.999])
  }
  parameters {
    optimizer = sgd(lr = 0.05, end = 1e-3, momentum = 0.9)
  }
  data = synthetic(images = 8, batch = 4, size = [32, 64])
  minimize cross_entropy + 0.05 * log(macs)
}
"""

ALONE = Processes(0, 1, torch.device("cpu"))


@cache
def program(text: str = SPEC) -> archdsl.Program:
    return archdsl.load("tiny.arch", text=text)


@cache
def space_of(text: str) -> archdsl.Space:
    """The space, once for all tests of a process: closed forms of its costs take most of a small search."""
    return program(text).space()


def plan_of(text: str = SPEC, **overrides: object) -> SearchConfig:
    return read_config(program(text).search(), overrides)


def search(
    folder: Path, text: str = SPEC, seed: int = 0, processes: Processes = ALONE,
    amp: torch.dtype | None = None, **overrides: object,
) -> Search:  # fmt: skip
    """A search as the verb sets it up, in a folder without a manifest."""
    torch.set_num_threads(1)
    plan, space = plan_of(text, **overrides), space_of(text)
    torch.manual_seed(seed)
    net = build(space.graph).to(processes.device).train()
    splits = open_data(plan.data, plan.data_settings)
    objective = ObjectiveFunction(plan, space)
    learner = Learner(plan, space, seed, processes.device)
    members = [CoSearchMember("", plan, space, net, objective, learner)]
    return Search(plan, members, net, splits, SearchFolder(folder), processes, seed, amp)


def quiet(_progress: object) -> None:
    """A report to nobody."""
