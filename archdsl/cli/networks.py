"""Networks as verbs train, score and use them: with as many classes as the data, and weights that fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from archdsl.cli import opening
from archdsl.diagnostics import Diagnostic, SpecError

if TYPE_CHECKING:
    from archdsl.program import Network, Program


def open_network(spec: str, name: str | None, settings: dict[str, Any], classes: int | None) -> Network:
    """The network that SPEC names.

    Raises SpecError (ARCH918) where the network does not give a map for each class.
    """
    network = with_classes(opening.load(spec), name, settings, classes)
    _demand_classes(network, classes)
    return network


def with_classes(
    program: Program, name: str | None, settings: dict[str, Any], classes: int | None
) -> Network:
    """A network of a file; its setting `classes`, where it has one that was not given, becomes `classes`."""
    network = fixed(opening.target(program, name, settings))
    declared = network.graph.settings.get("classes")
    if classes is not None and declared not in (None, classes) and "classes" not in settings:
        return fixed(opening.target(program, name, {**settings, "classes": classes}))
    return network


def image_size(network: Network) -> tuple[int, int]:
    """Height and width of the image that the network declares."""
    _, height, width = next(iter(network.graph.inputs.values()))
    return height, width


def _demand_classes(network: Network, classes: int | None) -> None:
    from archdsl.passes.shapes import infer

    inputs = list(network.graph.inputs.values())
    if len(inputs) != 1 or inputs[0][0] != 3:
        raise SpecError([Diagnostic("ARCH918", f"{network.name} does not take one image of 3 channels")])
    maps = infer(network.graph)[next(iter(network.graph.outputs.values()))][0]
    if classes is not None and maps != classes:
        headline = f"{network.name} tells {maps} classes apart, and the data has {classes}"
        raise SpecError([Diagnostic("ARCH918", headline, help=f"give its last layer {classes} channels")])


def fixed(target: Any) -> Network:
    """The target, if it is a network."""
    from archdsl.program import Network

    if isinstance(target, Network):
        return target
    raise click.UsageError(
        f"{target.name} is a space: take a network with --name, or draw one with `archdsl sample`"
    )
