"""Packages of other people, as pip would install them: modules in a folder, with a dist-info beside them."""

from __future__ import annotations

import importlib
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import archdsl
from archdsl import ops, plugins
from archdsl.configs.datasets import DATASETS
from archdsl.configs.evaluators import EVALUATORS
from archdsl.configs.words import OBJECTIVES, STRATEGIES
from archdsl.registry import Registry, imported


def install(folder: Path, name: str, groups: Mapping[str, Mapping[str, str]], version: str = "1.0") -> None:
    """Makes a folder a place of installed packages, of which one has these entry points."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [
        f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in points.items())
        for group, points in groups.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    importlib.invalidate_caches()


@contextmanager
def plugged(folder: Path, name: str, module: str, points: Mapping[str, Mapping[str, str]]) -> Iterator[None]:
    """A package of one module is installed in a new folder and used inside."""
    folder.mkdir()
    (folder / f"{name}.py").write_text(module)
    with undone():
        install(folder, name, points)
        archdsl.use(name)
        yield


def install_project(path: Path) -> None:
    """The same of a pyproject.toml whose modules lie beside it."""
    project = tomllib.loads(path.read_text("utf-8"))["project"]
    install(path.parent, project["name"], project["entry-points"], project["version"])


@contextmanager
def undone() -> Iterator[None]:
    """What is installed and loaded inside is taken back at the end."""
    held = [(kept, dict(kept)) for kept in _registered()]
    path, modules = list(sys.path), set(sys.modules)
    try:
        yield
    finally:
        new = [place for place in sys.path if place not in path]
        sys.path[:] = path
        for name in set(sys.modules) - modules:
            file = getattr(sys.modules[name], "__file__", None) or ""
            if any(file.startswith(place) for place in new):
                del sys.modules[name]
        for kept, before in held:
            kept.clear()
            kept.update(before)


def _registered() -> list[dict[Any, Any]]:
    """The dictionaries that plug-ins are added to."""
    owners = [getattr(imported(place), "__self__", None) for place in plugins.GROUPS.values()]
    registries = [owner for owner in owners if isinstance(owner, Registry)]
    inside = [kept for r in registries for kept in (r._places, r._loaded, r._plugins)]
    return [
        plugins._used,
        plugins._added,
        ops._BY_NAME,
        DATASETS,
        STRATEGIES,
        EVALUATORS,
        OBJECTIVES,
        *inside,
    ]
