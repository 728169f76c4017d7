"""Plug-ins: packages that extend archdsl by entry points, loaded only when named.

A plug-in is an installed distribution with entry points in the groups of `GROUPS`. Only the user can load
plug-ins: by `--plugin NAME`, by `plugins` of `[tool.archdsl]` in the project's pyproject.toml, or by
`archdsl.use("NAME")`. A spec, a latency table or the files of a run cannot load a plug-in.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from archdsl.bounded import read_bytes
from archdsl.diagnostics import Diagnostic, SpecError, closest
from archdsl.registry import imported

if TYPE_CHECKING:
    from importlib.metadata import Distribution

GROUPS: Mapping[str, str] = {
    "archdsl.primitives": "archdsl.ops:register",
    "archdsl.datasets": "archdsl.configs.words:register_dataset",
    "archdsl.passes": "archdsl.passes.registry:PASSES.add",
    "archdsl.strategies": "archdsl.configs.words:register_strategy",
    "archdsl.evaluators": "archdsl.configs.words:register_evaluator",
    "archdsl.losses": "archdsl.configs.words:register_loss",
    "archdsl.runtimes": "archdsl.devices.runtimes:RUNTIMES.add",
    "archdsl.report_sections": "archdsl.report.sections:SECTIONS.add",
}
"""Groups of entry points, each with the function that registers one: (name, place of the object, plug-in)."""

_PREFIX = "archdsl."
_MENTIONED = re.compile(rb"^[^#\n]*\btool\b[^\n]*\barchdsl\b|^\s*\[\s*tool\s*\]", re.MULTILINE)
"""Finds settings of archdsl in a pyproject.toml; parsing TOML takes half as long as checking a spec."""

_LARGEST_PROJECT = 2**20

_used: dict[str, str] = {}
_added: dict[tuple[str, str, str], str] = {}
"""The place of each registered entry point, by plug-in, group and name."""


def used() -> Mapping[str, str]:
    """The plug-ins that are loaded in this process, with their versions."""
    return MappingProxyType(_used)


def blamed(error: BaseException) -> tuple[str, str] | None:
    """The plug-in in whose code an error was raised, and the place, `FILE:LINE`; None if in no plug-in's."""
    files = {
        module.__file__: plugin
        for (plugin, _, _), value in _added.items()
        if (module := sys.modules.get(value.partition(":")[0])) is not None and module.__file__
    }
    found, trace = None, error.__traceback__
    while trace is not None:
        path = trace.tb_frame.f_code.co_filename
        if path in files:
            found = files[path], f"{Path(path).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found


def use(name: str) -> None:
    """Loads the plug-in of an installed distribution, once.

    Raises SpecError: ARCH863 if it is not installed, ARCH864 if it is invalid, ARCH865 if it adds an existing
    name.
    """
    found = _distribution(name)
    known = _normal(found.metadata["Name"])
    if known in _used:
        return
    points = [point for point in found.entry_points if point.group.startswith(_PREFIX)]
    for point in points:
        if point.group not in GROUPS:
            raise _unknown_group(known, point.group)
    for point in points:
        added = (known, point.group, point.name)
        if added not in _added:  # by a call that failed at a later entry point
            imported(GROUPS[point.group])(point.name, point.value, known)
            _added[added] = point.value
    _used[known] = found.version


def demand_used(plugins: Mapping[str, str], where: Path) -> None:
    """Raises SpecError (ARCH867) unless the plug-ins that a run was started with are loaded."""
    if lacking := [name for name in plugins if name not in _used]:
        headline = f"{where} needs plug-ins that are not loaded: {', '.join(lacking)}"
        help = f"add {' '.join(f'--plugin {name}' for name in lacking)} after `archdsl`"
        raise SpecError([Diagnostic("ARCH867", headline, help=help)])


def of_project(folder: Path) -> tuple[str, ...]:
    """The plug-ins listed in the nearest pyproject.toml of a folder or its parents.

    Raises SpecError (ARCH866) for an invalid `[tool.archdsl]`.
    """
    for place in (folder, *folder.parents):
        path = place / "pyproject.toml"
        if path.is_file():
            data = read_bytes(path, _LARGEST_PROJECT)
            return _named(data, path) if _MENTIONED.search(data) else ()
    return ()


def _named(data: bytes, path: Path) -> tuple[str, ...]:
    import tomllib

    try:
        tools: Any = tomllib.loads(data.decode("utf-8")).get("tool", {})
    except (ValueError, RecursionError) as error:
        raise _misread(path, str(error) or "nested too deeply") from error
    own = tools.get("archdsl", {}) if isinstance(tools, dict) else {}
    if not isinstance(own, dict):
        raise _misread(path, "[tool.archdsl] must be a table")
    if unknown := [key for key in own if key != "plugins"]:
        raise _misread(path, f"[tool.archdsl] has no setting `{unknown[0]}`; available: `plugins`")
    names = own.get("plugins", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _misread(path, 'plugins must be a list of names: plugins = ["my-plugin"]')
    return tuple(names)


def _misread(path: Path, why: str) -> SpecError:
    return SpecError([Diagnostic("ARCH866", f"invalid configuration in {path}", help=why)])


def _distribution(name: str) -> Distribution:
    from importlib import metadata

    try:
        found = metadata.distribution(name)
    except (metadata.PackageNotFoundError, ValueError):
        raise _unknown(name, "the package is not installed") from None
    if not any(point.group.startswith(_PREFIX) for point in found.entry_points):
        raise _unknown(name, f"the package has no entry point in {', '.join(GROUPS)}")
    return found


def _unknown(name: str, why: str) -> SpecError:
    there = installed()
    guess = closest(name, there)
    listed = f"installed plug-ins: {', '.join(there)}" if there else "no plug-ins are installed"
    help = f"{why}; {f'did you mean `{guess}`?' if guess else listed}"
    return SpecError([Diagnostic("ARCH863", f"unknown plug-in `{name}`", help=help)])


def _unknown_group(plugin: str, group: str) -> SpecError:
    guess = closest(group, list(GROUPS))
    help = f"did you mean {guess}?" if guess else f"available groups: {', '.join(GROUPS)}"
    headline = f"the plug-in {plugin} has entry points in a group that archdsl does not know, {group}"
    return SpecError([Diagnostic("ARCH864", headline, help=help)])


def installed() -> list[str]:
    """The names of installed plug-ins."""
    from importlib import metadata

    return sorted(
        {
            _normal(found.metadata["Name"])
            for found in metadata.distributions()
            if any(point.group.startswith(_PREFIX) for point in found.entry_points)
        }
    )


def summary(name: str) -> str:
    """A description of what an installed plug-in adds, such as `1.0: primitives mish`."""
    found = _distribution(name)
    groups: dict[str, list[str]] = {}
    for point in found.entry_points:
        if point.group.startswith(_PREFIX):
            groups.setdefault(point.group.removeprefix(_PREFIX).replace("_", " "), []).append(point.name)
    return f"{found.version}: " + "; ".join(f"{kind} {', '.join(names)}" for kind, names in groups.items())


def _normal(name: str) -> str:
    """The normalized name of a distribution (PEP 503): `My_Plugin` becomes `my-plugin`."""
    return re.sub(r"[-_.]+", "-", name).lower()
