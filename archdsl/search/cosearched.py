"""The supernet of a co-search, rebuilt from its run folder to extract networks of its architectures."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.program import Network, Program, Space, load
from archdsl.runs.manifest import Manifest, read_manifest
from archdsl.search.architectures import architectures, trained_graph
from archdsl.search.differentiable.supernets import Supernet, build_all
from archdsl.search.extract import loaded
from archdsl.search.folder import SearchFolder
from archdsl.search.options import SearchOptions, resumed_options, with_clauses
from archdsl.search.pruning import pruned
from archdsl.search.run import configured


def is_cosearch(manifest: Manifest) -> bool:
    """Whether a search has several architectures."""
    return bool(manifest.settings.get("members"))


def run_of(path: Path) -> Path:
    """The run folder of a path: of the folder of an architecture in a co-search, the one that contains it."""
    folder, above = SearchFolder(path), SearchFolder(path.parent)
    if folder.manifest.exists() or not (folder.found.exists() and above.manifest.exists()):
        return path
    return path.parent if is_cosearch(read_manifest(above.manifest, "search")) else path


def supernet_of_member(run: Path, member: Path, network: Network) -> tuple[Supernet, int]:
    """The supernet of the newest checkpoint of a co-search as one of its architectures uses it, and its step.

    `member` is the folder of the architecture, `network` one of its networks. Raises SpecError: ARCH911
    without a checkpoint or for a folder that is not of an architecture, ARCH913 if the checkpoint belongs to
    another space.
    """
    folder = SearchFolder(run)
    recorded = _as_recorded(run, read_manifest(folder.manifest, "search"))
    with recorded as (program, options):
        config, of_space = configured(program, options)
        names = [one.name for one in config.members]
        if member.parent.resolve() != run.resolve() or member.name not in names:
            listed = ", ".join(str(run / name) for name in names)
            headline = f"{network.name} is not in the folder of an architecture of the co-search {run}"
            raise SpecError([Diagnostic("ARCH911", headline, help=f"its folders: {listed}")])
        of_data = {key: value for key, value in network.given.items() if key == "classes"}

        def space_of(own: Mapping[str, Any]) -> Space:
            return pruned(program.space(config.space, **{**of_data, **of_space, **own}), options.passes)

        found = architectures(config, space_of)
        net, members = build_all({one.name: trained_graph(one) for one in found}, config)
        step = loaded(net, folder, network)
        net.eval()
        return members[member.name], step


def _as_recorded(run: Path, manifest: Manifest) -> AbstractContextManager[tuple[Program, SearchOptions]]:
    """The program of a run, from the copies of its specs, and its options."""
    options = resumed_options(SearchOptions(folder=run), manifest, ())
    return with_clauses(load(run / "search.arch", text=manifest.spec), options)
