"""archdsl: neural architectures, their search spaces and searches, as text.

program = archdsl.load("autortnet.arch")
space = program.space()
network = archdsl.bind(space, space.sample(random.Random(0)))
module = network.module()
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "Network": "archdsl.program",
    "Program": "archdsl.program",
    "Space": "archdsl.program",
    "SpecError": "archdsl.diagnostics",
    "bind": "archdsl.program",
    "compile": "archdsl.program",
    "load": "archdsl.program",
    "use": "archdsl.plugins",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    """Public names are imported when first used, so that the command line starts fast."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'archdsl' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    """For completion: the public names are there before they are imported."""
    return sorted({*globals(), *__all__})
