"""The runtimes for measuring latencies (`--backend`), one module for each."""

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
"""The package names of known runtimes that are supported only by plug-ins."""


def find(name: str) -> Runtime:
    """The runtime with that name. Raises SpecError (ARCH823) if it is unknown or not installed."""
    if name in NOT_TIMED and name not in RUNTIMES:
        why = "is not installed" if installed(name) is None else "is installed, but not supported"
        help = (
            f"use --backend {' or '.join(RUNTIMES)}; or export ONNX with `archdsl compile`, and time the "
            f"file with {name}"
        )
        raise SpecError([Diagnostic("ARCH823", f"the backend {name} {why}", help=help)])
    found = RUNTIMES.find(name, "ARCH823")
    if installed(found.package) is None:
        headline = f"the backend {name} needs {found.package}, which is not installed"
        raise SpecError([Diagnostic("ARCH823", headline)])
    return found


def installed(package: str) -> str | None:
    """The installed version of a package, without importing it."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
