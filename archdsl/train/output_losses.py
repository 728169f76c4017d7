"""The losses of the outputs of a network, with their targets, checked against the network and the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import nn

from archdsl import ops
from archdsl.backends.torch_module import CompiledNetwork
from archdsl.data.dataset import Dataset
from archdsl.data.targets import EDGES, LABELS, no_target, target_maps, targets_of
from archdsl.diagnostics import Diagnostic, Label, SpecError
from archdsl.ir import Graph, Node
from archdsl.passes.analyses.liveness import live_nodes
from archdsl.passes.analyses.symbolic import infer_symbolic
from archdsl.program import Network
from archdsl.spec.loss_text import read_loss
from archdsl.spec.losses import class_rule, loss_kinds, loss_terms, unknown_output
from archdsl.spec.search_values import SearchValue, Term
from archdsl.train.recipe import Recipe
from archdsl.train.tallies import ScoredOutput
from archdsl.train.task import OutputLoss, Task


def output_losses(
    values: Sequence[SearchValue], outputs: Sequence[str], maps: Sequence[str],
    weights: Mapping[str | None, Sequence[float]] | None = None,
) -> tuple[OutputLoss, ...]:  # fmt: skip
    """The losses in formulas, for a network with `outputs`, the main one first, and data with `maps`.

    `weights` are class weights by the rule that a loss names (`class_rule`; None: no rule). Raises SpecError:
    ARCH836 for unknown outputs, ARCH838 if the target of a loss is ambiguous or missing.
    """
    found = []
    for term in loss_terms(*values):
        named: Any = (term.output,) if term.output else term.settings.get("outputs", outputs[:1])
        place = term.places.get("output" if term.output else "outputs", term.at)
        for name in named:
            if name not in outputs:
                raise SpecError([unknown_output(name, outputs, place)])
        rule = class_rule(term)
        weights_K = torch.tensor(weights[rule]) if weights is not None and rule in weights else None
        found.append(OutputLoss(term, tuple(dict.fromkeys(named)), _target(term, maps), weights_K))
    return tuple(found)


def demanded_losses(
    values: Sequence[SearchValue], graph: Graph, dataset: Dataset,
    weights: Mapping[str | None, Sequence[float]] | None = None,
) -> tuple[OutputLoss, ...]:  # fmt: skip
    """The losses in formulas, for a network or space (`graph`) and a dataset.

    Raises SpecError: ARCH836 and ARCH838 as `output_losses`; ARCH837 and ARCH838 if an output cannot be
    compared with its target; ARCH839 if all losses are of train-only outputs.
    """
    losses = output_losses(values, tuple(graph.outputs), target_maps(dataset), weights)
    shapes = infer_symbolic(graph)[0]
    _demand_targets(losses, {name: shapes[node][0] for name, node in graph.outputs.items()}, dataset)
    _demand_scored(losses, graph)
    return losses


def _demand_targets(losses: Sequence[OutputLoss], channels: Mapping[str, Any], dataset: Dataset) -> None:
    """Raises SpecError if outputs, with these numbers of channels, cannot be compared with their targets.

    ARCH838: the dataset lacks a target, or the loss does not support it; ARCH837: an output has a number of
    channels that the loss does not support.
    """
    there = targets_of(dataset)
    for loss in losses:
        place = loss.term.places.get("target", loss.term.at)
        label = None if place is None else Label(place)
        of_classes = loss.kind.task == "classes"
        if loss.target not in there:
            raise SpecError([no_target(dataset, loss.target, f" for `{loss.term.name}`", label)])
        if of_classes != (loss.target == LABELS):
            takes = "labels" if of_classes else "edges or a map"
            headline = f"the target of `{loss.term.name}` must be {takes}, not `{loss.target}`"
            same = [name for name, kind in loss_kinds().items() if (kind.task == "classes") != of_classes]
            help = f"losses for `{loss.target}`: {', '.join(same)}"
            raise SpecError([Diagnostic("ARCH838", headline, label, help=help)])
        wanted = len(dataset.classes) if of_classes else 1
        for name in loss.outputs:
            if channels[name] != wanted:
                raise SpecError([_channels(loss, name, channels[name], wanted)])


def _channels(loss: OutputLoss, output: str, found: Any, wanted: int) -> Diagnostic:
    classes = loss.kind.task == "classes"
    needs = f"{wanted} channels, one per class" if classes else "1 channel"
    headline = f"`{loss.term.name}` of `{output}` needs {needs}, but the output has {found}"
    place = loss.term.places.get("output", loss.term.at)
    help = f"make conv(c = {'classes' if classes else 1}, k = 1) its last convolution"
    return Diagnostic("ARCH837", headline, None if place is None else Label(place), help=help)


def _target(term: Term, maps: Sequence[str]) -> str:
    """The target of a loss: its setting `target`, or the default for its task. Raises SpecError (ARCH838)."""
    if chosen := term.settings.get("target"):
        return str(chosen)
    task = loss_kinds()[term.name].task
    if task != "regression":
        return LABELS if task == "classes" else EDGES
    if len(maps) == 1:
        return maps[0]
    what = f"several: {', '.join(maps)}" if maps else "none"
    help = (
        f"{term.name}(OUTPUT, target = {maps[0]})" if maps else "name a folder of maps: --data …,maps=depth"
    )
    headline = f"`{term.name}` needs a map of the data as its target, but the data has {what}"
    raise SpecError([Diagnostic("ARCH838", headline, Label(term.at) if term.at else None, help=help)])


def task_of(recipe: Recipe, module: nn.Module, dataset: Dataset) -> Task:
    """The training objective of a recipe. Raises SpecError as `read_loss` and `output_losses`."""
    formula = read_loss(recipe.loss, "--loss")
    outputs = tuple(cast(CompiledNetwork, module).archdsl_graph.outputs)
    rules = {class_rule(term) for term in loss_terms(formula)} - {None}
    rule = next(iter(rules), None)
    weights = None if recipe.class_weights is None else {rule: recipe.class_weights}
    losses = output_losses([formula], outputs, target_maps(dataset), weights)
    return Task(formula, with_aux(losses, recipe.aux))


def with_aux(losses: Sequence[OutputLoss], aux: Mapping[str, float]) -> Sequence[OutputLoss]:
    """The losses; with `aux`, the only loss is applied to these auxiliary outputs too, with factors."""
    if not aux:
        return losses
    (loss,) = losses
    return (replace(loss, outputs=(*loss.outputs, *aux), factors=aux),)


def scored_outputs(losses: Sequence[OutputLoss], graph: Graph) -> list[ScoredOutput]:
    """The outputs that are scored: deployed outputs that losses name, in the order of the network.

    If the losses name train-only outputs alone, those deployed outputs that depend only on weights which the
    losses train: FasterSeg trains the heads of all pairs of branches as train-only outputs, and deploys one
    of them.
    """
    by_output: dict[str, OutputLoss] = {}
    for loss in losses:
        for name in loss.outputs:
            if name not in loss.factors and name not in graph.train_only:
                by_output.setdefault(name, loss)
    if not by_output:
        for loss in losses:
            trained = _weights_of(graph, loss.outputs)
            for name in graph.outputs:
                if name not in graph.train_only and _weights_of(graph, [name]) <= trained:
                    by_output.setdefault(name, loss)
    return [
        ScoredOutput(name, loss.target, loss.kind.task)
        for name, loss in ((name, by_output[name]) for name in graph.outputs if name in by_output)
    ]


def _weights_of(graph: Graph, outputs: Sequence[str]) -> set[str]:
    """The names of the weights that outputs depend on."""
    alive = live_nodes(graph.nodes, [graph.outputs[name] for name in outputs])
    found = (graph.nodes[name] for name in alive if name in graph.nodes)
    return {one.weights for one in found if isinstance(one, Node) and ops.get(one.op).has_weights}


def _demand_scored(losses: Sequence[OutputLoss], graph: Graph) -> None:
    """Raises SpecError (ARCH839) if the losses train no deployed output, so that nothing can be scored."""
    if not losses or scored_outputs(losses, graph):  # other checks report an objective without a loss
        return
    deployed = [name for name in graph.outputs if name not in graph.train_only]
    headline = f"no loss is of a deployed output of {graph.name}, so that nothing can be scored"
    place = losses[0].term.at
    help = f"add a loss of {' or '.join(deployed)}"
    raise SpecError([Diagnostic("ARCH839", headline, Label(place) if place else None, help=help)])


def predicts_classes(loss: str, network: Network) -> bool:
    """Whether a loss, given as text, compares the main output of a network with labels.

    Raises SpecError as `read_loss`.
    """
    return is_of_classes([read_loss(loss, "--loss")], next(iter(network.graph.outputs)))


def is_of_classes(values: Sequence[SearchValue], main: str) -> bool:
    """Whether any loss in formulas compares the output `main` with labels."""
    return any(
        loss_kinds()[term.name].task == "classes" and term.settings.get("target", LABELS) == LABELS
        for term in loss_terms(*values)
        if _is_of(term, main)
    )


def _is_of(term: Term, main: str) -> bool:
    several: Any = term.settings.get("outputs", (main,))
    return term.output == main if term.output else main in several


def binary_maps(losses: Sequence[OutputLoss]) -> set[str]:
    """The names of the maps that are targets of binary losses, whose values must be from 0 to 1."""
    return {loss.target for loss in losses if loss.kind.task == "binary"} - {EDGES}
