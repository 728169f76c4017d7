"""Networks as verbs train, score and use them: with as many classes as the data, and weights that fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from archdsl.cli import opening
from archdsl.diagnostics import Diagnostic, SpecError

if TYPE_CHECKING:
    from archdsl.program import Network, Program


def open_network(
    spec: str, name: str | None, settings: dict[str, Any], classes: int | None, channels: int | None = None
) -> Network:
    """The network that SPEC names.

    Raises SpecError: ARCH918 where the network does not give a map for each class, ARCH942 where it takes
    images of other `channels` than the data has (None: 1, 3 or 4).
    """
    network = with_classes(opening.load(spec), name, settings, classes)
    _demand_channels(network, channels)
    _demand_classes(network, classes)
    return network


def with_classes(
    program: Program, name: str | None, settings: dict[str, Any], classes: int | None,
    train_outputs: bool = False,
) -> Network:  # fmt: skip
    """A network of a file; its setting `classes`, where it has one that was not given, becomes `classes`."""
    network = fixed(opening.target(program, name, settings, train_outputs))
    declared = network.graph.settings.get("classes")
    if classes is not None and declared not in (None, classes) and "classes" not in settings:
        return fixed(opening.target(program, name, {**settings, "classes": classes}, train_outputs))
    return network


def image_channels(network: Network) -> int:
    """How many channels the image has that the network declares."""
    return next(iter(network.graph.inputs.values()))[0]


def image_size(network: Network) -> tuple[int, int]:
    """Height and width of the image that the network declares."""
    _, height, width = next(iter(network.graph.inputs.values()))
    return height, width


def _demand_channels(network: Network, channels: int | None) -> None:
    inputs = list(network.graph.inputs.values())
    if len(inputs) != 1 or inputs[0][0] not in (1, 3, 4):
        headline = f"{network.name} does not take one image of 1, 3 or 4 channels"
        raise SpecError([Diagnostic("ARCH918", headline)])
    if channels is not None:
        from archdsl.data.channels import demand_channels

        demand_channels(network.name, inputs[0][0], channels)


def _demand_classes(network: Network, classes: int | None) -> None:
    from archdsl.passes.analyses.shapes import infer

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
