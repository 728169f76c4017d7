"""Rebuilds the supernet of a run from its folder, to extract networks with inherited weights."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from torch import nn

from archdsl.configs.evaluators import Weights
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.program import Network, Program, load
from archdsl.runs.checkpoints import Keeper
from archdsl.runs.manifest import Manifest, read_manifest
from archdsl.search import run as differentiable
from archdsl.search.architectures import architectures, trained_graph
from archdsl.search.differentiable.supernets import Supernet, build_all, load_weights
from archdsl.search.evaluators.weights import checkpoints_of, supernet
from archdsl.search.folder import SearchFolder
from archdsl.search.options import SearchOptions, resumed_options, with_clauses
from archdsl.search.pruning import pruned
from archdsl.search.terms import configured, is_by_trials
from archdsl.search.trials.inputs import config_of


def is_cosearch(manifest: Manifest) -> bool:
    """Whether the search of a manifest has several architectures."""
    return bool(manifest.settings.get("members"))


def run_of(path: Path) -> Path:
    """The run folder at a path; for the folder of an architecture of a co-search, the folder above."""
    folder, above = SearchFolder(path), SearchFolder(path.parent)
    if folder.manifest.exists() or not (folder.found.exists() and above.manifest.exists()):
        return path
    return path.parent if is_cosearch(read_manifest(above.manifest, "search")) else path


def supernet_of(run: Path, spec: Path, network: Network) -> tuple[Supernet, int]:
    """The supernet of a search with the weights of its newest checkpoint, and the checkpoint's step.

    The supernet is in eval mode.

    `network`, in the file `spec`, is a network of the searched space. In a co-search, `spec` is in the folder
    of one of the architectures, whose supernet is returned. Raises SpecError: ARCH911 without a checkpoint,
    or if `spec` is not in the folder of an architecture; ARCH913 if the checkpoint belongs to another space;
    ARCH505 for a network that is not written as decisions in a space.
    """
    if network.origin is None:
        raise SpecError([Diagnostic("ARCH505", f"{network.name} is not written as decisions in a space")])
    recorded = _as_recorded(run, read_manifest(SearchFolder(run).manifest, "search"))
    with recorded as (program, options):
        rebuilt = _by_trials if is_by_trials(options.split(program).spec) else _by_gradients
        store, net, checkpoints = rebuilt(program, options, run, spec, network)
        step = _loaded(store, checkpoints, run, network)
        store.eval()
        return net, step


_Rebuilt = tuple[nn.Module, Supernet, Keeper]
"""The module with all weights, the supernet that contains the network, and the folder of the checkpoints."""


def _by_gradients(
    program: Program, options: SearchOptions, run: Path, spec: Path, network: Network
) -> _Rebuilt:
    given = options.split(program)
    config = differentiable.config_of(given, options)
    member = spec.parent.name if config.members else ""
    names = [one.name for one in config.members]
    if names and (member not in names or spec.parent.parent.resolve() != run.resolve()):
        listed = ", ".join(str(run / name) for name in names)
        headline = f"{network.name} is not in the folder of an architecture of the co-search {run}"
        raise SpecError([Diagnostic("ARCH911", headline, help=f"its folders: {listed}")])
    of_space = {**_classes(network), **given.of_space}
    found = architectures(
        config, lambda own: pruned(program.space(config.space, **{**of_space, **own}), options.passes)
    )
    store, nets = build_all({one.name: trained_graph(one) for one in found}, config, fuse=False)
    return store, nets[member], SearchFolder(run).checkpoints


def _by_trials(program: Program, options: SearchOptions, run: Path, spec: Path, network: Network) -> _Rebuilt:
    given = options.split(program)
    config = config_of(given, options)
    evaluator = configured(config.evaluator)
    if not isinstance(evaluator, Weights):
        headline = f"networks of {run} share no weights: they were scored by `{config.evaluator.name}`"
        raise SpecError([Diagnostic("ARCH911", headline, help=f"archdsl train {spec} trains the network")])
    if evaluator.path is not None:
        headline = f"networks of {run} have the weights of another run: {evaluator.path}"
        help = f"archdsl extract {evaluator.path} --network {spec}"
        raise SpecError([Diagnostic("ARCH911", headline, help=help)])
    declared = program.space(config.goals.space, **{**_classes(network), **given.of_space})
    net = supernet(evaluator, pruned(declared, options.passes))
    return net, net, checkpoints_of(run)


def _classes(network: Network) -> dict[str, Any]:
    """The setting `classes` of a network, which the search may have taken from its data."""
    return {key: value for key, value in network.given.items() if key == "classes"}


def _loaded(net: nn.Module, checkpoints: Keeper, run: Path, network: Network) -> int:
    """Loads the newest checkpoint into `net`; returns its step. Raises SpecError (ARCH911) without one."""
    found = checkpoints.latest()
    if found is None:
        raise SpecError([Diagnostic("ARCH911", f"{run} has no checkpoint")])
    step, state = found
    load_weights(net, state, run, network.name)
    return step


def _as_recorded(run: Path, manifest: Manifest) -> AbstractContextManager[tuple[Program, SearchOptions]]:
    """A context manager that yields the program of a run, loaded from the copies of its specs, and the
    recorded options.
    """
    options = resumed_options(SearchOptions(folder=run), manifest, ())
    return with_clauses(load(run / "search.arch", text=manifest.spec), options)
