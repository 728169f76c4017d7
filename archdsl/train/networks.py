"""Networks as they are trained, scored and used: with as many classes as the data has."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.ir import Graph
from archdsl.program import Network, Program, Space, open_decisions


def network_of(
    program: Program, name: str | None, settings: Mapping[str, Any], classes: int | None = None
) -> Network:
    """A network of a file; its setting `classes`, where it has one that is not set, becomes `classes`.

    Raises SpecError (ARCH226) where the name is that of a space.
    """
    network = _fixed(program.target(name, **settings))
    declared = network.graph.settings.get("classes")
    if classes is not None and declared not in (None, classes) and "classes" not in settings:
        return _fixed(program.target(name, **{**settings, "classes": classes}))
    return network


def demand_fits(network: Network, classes: int | None, channels: int | None) -> None:
    """Raises SpecError where a network does not fit data.

    ARCH918: it does not take one image, or gives another number of maps than there are classes; ARCH942: it
    takes images of other `channels` (None: 1, 3 or 4).
    """
    inputs = list(network.graph.inputs.values())
    if len(inputs) != 1 or inputs[0][0] not in (1, 3, 4):
        headline = f"{network.name} does not take one image of 1, 3 or 4 channels"
        raise SpecError([Diagnostic("ARCH918", headline)])
    if channels is not None:
        from archdsl.data.channels import demand_channels

        demand_channels(network.name, inputs[0][0], channels)
    maps = output_maps(network)
    main = next(iter(maps.values()))
    if classes is not None and main != classes:
        headline = f"{network.name} tells {main} classes apart, and the data has {classes}"
        raise SpecError([Diagnostic("ARCH918", headline, help=help_on_classes(network.graph, classes))])


def help_on_classes(graph: Graph, classes: int) -> str:
    """How a network or space gets a map for each class."""
    return (
        f"--set classes={classes}"
        if "classes" in graph.settings
        else f"give its last layer {classes} channels"
    )


def demand_parameters(network: Network, aux: Collection[str]) -> None:
    """Raises SpecError (ARCH935) where neither the main output nor those of `aux` need a parameter."""
    from archdsl.passes.analyses.parameters import outputs_with_parameters

    maps = output_maps(network)
    main = next(iter(maps))
    learning = outputs_with_parameters(network.graph)
    if any(output in learning for output in (main, *aux)):
        return
    could = [name for name in learning if maps[name] == maps[main]]
    help = f"--aux 0.4 trains {', '.join(could)} too" if could else "add a convolution, for one"
    trained = " and ".join(f"`{name}`" for name in (main, *aux))
    headline = f"{trained} of {network.name} need{'' if aux else 's'} no parameter: there is nothing to train"
    raise SpecError([Diagnostic("ARCH935", headline, help=help)])


def output_maps(network: Network) -> dict[str, int]:
    """How many maps each output has, the main one first."""
    from archdsl.passes.analyses.shapes import infer

    shapes = infer(network.graph)
    return {name: shapes[node][0] for name, node in network.graph.outputs.items()}


def image_channels(network: Network) -> int:
    """How many channels the image has that the network declares."""
    return next(iter(network.graph.inputs.values()))[0]


def image_size(network: Network) -> tuple[int, int]:
    """Height and width of the image that the network declares."""
    _, height, width = next(iter(network.graph.inputs.values()))
    return height, width


def _fixed(target: Space | Network) -> Network:
    if isinstance(target, Space):
        raise SpecError([open_decisions(target)])
    return target
