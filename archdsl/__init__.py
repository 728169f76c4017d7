"""archdsl: a declarative language for neural architectures, search spaces and architecture search.

program = archdsl.load("autortnet.arch")
space = program.space()
network = archdsl.bind(space, space.sample(random.Random(0)))
module = network.module()
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archdsl.backends.torch_module import CompiledNetwork as CompiledNetwork
    from archdsl.backends.torch_module import features as features
    from archdsl.data.dataset import Dataset as Dataset
    from archdsl.data.dataset import Sample as Sample
    from archdsl.data.dataset import Splits as Splits
    from archdsl.data.source import DataSource as DataSource
    from archdsl.diagnostics import Diagnostic as Diagnostic
    from archdsl.diagnostics import SpecError as SpecError
    from archdsl.plugins import use as use
    from archdsl.program import Network as Network
    from archdsl.program import Program as Program
    from archdsl.program import Space as Space
    from archdsl.program import bind as bind
    from archdsl.program import check as check
    from archdsl.program import compile as compile
    from archdsl.program import load as load
    from archdsl.search.call import search as search
    from archdsl.search.result import Result as Result
    from archdsl.spec.check import Report as Report
    from archdsl.train.call import evaluate as evaluate
    from archdsl.train.call import export as export
    from archdsl.train.call import train as train
    from archdsl.train.run import Trained as Trained
    from archdsl.train.scoring import Scores as Scores

__version__ = "0.1.0"

_PUBLIC = {
    "CompiledNetwork": "archdsl.backends.torch_module",
    "DataSource": "archdsl.data.source",
    "Dataset": "archdsl.data.dataset",
    "Diagnostic": "archdsl.diagnostics",
    "Network": "archdsl.program",
    "Program": "archdsl.program",
    "Report": "archdsl.spec.check",
    "Result": "archdsl.search.result",
    "Sample": "archdsl.data.dataset",
    "Scores": "archdsl.train.scoring",
    "Space": "archdsl.program",
    "SpecError": "archdsl.diagnostics",
    "Splits": "archdsl.data.dataset",
    "Trained": "archdsl.train.run",
    "bind": "archdsl.program",
    "check": "archdsl.program",
    "compile": "archdsl.program",
    "evaluate": "archdsl.train.call",
    "export": "archdsl.train.call",
    "features": "archdsl.backends.torch_module",
    "load": "archdsl.program",
    "use": "archdsl.plugins",
}
_ROOMS = ("search", "train")
"""Packages that can also be called as functions: `archdsl.train(…)` (see `archdsl.calling`)."""

__all__ = ["__version__", *_PUBLIC, *_ROOMS]


def __getattr__(name: str) -> object:
    """Imports public names on first use, so that the command line starts fast."""
    from importlib import import_module

    if name in _ROOMS:
        return import_module(f"archdsl.{name}")
    if name not in _PUBLIC:
        raise AttributeError(f"module 'archdsl' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    """Lists the public names, for completion in an interactive shell."""
    return sorted({*globals(), *__all__})
