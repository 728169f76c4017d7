"""What runs networks to be timed (`--backend`): one file a runtime, and one line here."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from archdsl.devices.runtimes.base import Run as Run
from archdsl.devices.runtimes.base import Runtime as Runtime
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.registry import Registry

RUNTIMES: Registry[Runtime] = Registry(
    "runtime",
    Runtime,
    {
        "onnxruntime": "archdsl.devices.runtimes.onnxruntime:RUNTIME",
        "eager": "archdsl.devices.runtimes.torch:EAGER",
        "compile": "archdsl.devices.runtimes.torch:COMPILE",
    },
)

NOT_TIMED = ("openvino", "tensorrt")
"""Runtimes that people ask for, which only a plug-in can time; packages of the same names."""


def find(name: str) -> Runtime:
    """The runtime of that name; raises SpecError (ARCH823) where it is unknown or not installed."""
    if name in NOT_TIMED and name not in RUNTIMES:
        why = (
            "is not installed here" if installed(name) is None else "is installed, but archdsl cannot time it"
        )
        help = f"time with --backend {', '.join(RUNTIMES)}; the ONNX file of `archdsl compile` runs on it"
        raise SpecError([Diagnostic("ARCH823", f"the backend {name} {why}", help=help)])
    found = RUNTIMES.find(name, "ARCH823")
    if installed(found.package) is None:
        headline = f"the backend {name} needs {found.package}, which is not installed"
        raise SpecError([Diagnostic("ARCH823", headline)])
    return found


def installed(package: str) -> str | None:
    """The version of a package that is installed; imports nothing."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
