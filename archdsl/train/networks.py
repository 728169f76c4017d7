"""Networks for a dataset: setting the number of classes, and checking channels, maps and parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archdsl.diagnostics import Diagnostic, Label, SpecError
from archdsl.ir import Graph
from archdsl.program import Network, Program, Space, open_decisions
from archdsl.report.numbers import plural


def network_of(
    program: Program, name: str | None, settings: Mapping[str, Any], classes: int | None = None
) -> Network:
    """The network `name` of a file (default: the last) with these settings.

    If the network has a setting `classes` that `settings` does not override, it is set to `classes`. Raises
    SpecError (ARCH226) if the name belongs to a space.
    """
    network = _fixed(program.target(name, **settings))
    declared = network.graph.settings.get("classes")
    if classes is not None and declared not in (None, classes) and "classes" not in settings:
        return _fixed(program.target(name, **{**settings, "classes": classes}))
    return network


def demand_fits(
    network: Network, classes: int | None, channels: int | None, maps: Mapping[str, int], stacked: int = 0
) -> None:  # fmt: skip
    """Raises SpecError if a network does not fit a dataset; None skips the check of `classes` or `channels`.

    ARCH918: the main output has not `classes` channels, or, if `channels` is None, the first input has not 1,
    3 or 4 channels besides `stacked` ones for maps; ARCH942: the first input has not `channels` channels;
    ARCH939: as `demand_maps`.
    """
    inputs = list(network.graph.inputs.values())
    if channels is None and inputs[0][0] - stacked not in (1, 3, 4):
        wanted = " or ".join(str(stacked + n) for n in (1, 3, 4))
        headline = f"the first input of {network.name} must have {wanted} channels, not {inputs[0][0]}"
        raise SpecError([Diagnostic("ARCH918", headline)])
    demand_maps(network.graph, maps)
    if channels is not None:
        from archdsl.data.channels import demand_channels

        demand_channels(network.name, inputs[0][0], channels)
    main = next(iter(output_maps(network).values()))
    if classes is not None and main != classes:
        headline = f"{network.name} predicts {main} classes, but the data has {classes}"
        raise SpecError([Diagnostic("ARCH918", headline, help=help_on_classes(network.graph, classes))])


def demand_maps(graph: Graph, maps: Mapping[str, int]) -> None:
    """Raises SpecError (ARCH939) if a further input of a network is not one of the maps of a dataset.

    `maps` are the numbers of channels of the maps by name. Inputs must have the number of channels of their
    map, and the size of the image.
    """
    _, *size = next(iter(graph.inputs.values()))
    for name, shape in list(graph.inputs.items())[1:]:
        reader = next((node for node in graph.nodes.values() if name in node.inputs), None)
        at = reader.location if reader is not None else None
        label = Label(at, f"reads `{name}`") if at is not None else None
        if name not in maps:
            headline = f"no map for the input `{name}` of {graph.name}"
            there = f"maps of the data: {', '.join(maps)}; " if maps else ""
            setting = f"maps={name}" + (f",map_channels={shape[0]}" if shape[0] in (3, 4) else "")
            help = f"{there}`{setting}` in --data reads a folder beside the images"
            raise SpecError([Diagnostic("ARCH939", headline, label, help=help)])
        if shape != (maps[name], *size):
            headline = f"the input `{name}` of {graph.name} must be [{maps[name]}, {size[0]}, {size[1]}]"
            has = plural(maps[name], "channel")
            help = f"the map has {has} (`map_channels` of the data), and the size of the image"
            raise SpecError([Diagnostic("ARCH939", headline, label, help=help)])


def help_on_classes(graph: Graph, classes: int) -> str:
    """The help of an error on the number of classes: how to set it for a network or space."""
    return (
        f"--set classes={classes}"
        if "classes" in graph.settings
        else f"set the channels of its last layer to {classes}"
    )


def demand_parameters(network: Network, trained: Sequence[str] = ()) -> None:
    """Raises SpecError (ARCH935) if no output in `trained` (default: the main one) depends on parameters."""
    from archdsl.passes.analyses.trainable import outputs_with_parameters

    maps = output_maps(network)
    main = next(iter(maps))
    learning = outputs_with_parameters(network.graph)
    trained = tuple(trained) or (main,)
    if any(output in learning for output in trained):
        return
    could = [name for name in learning if maps[name] == maps[main]]
    help = (
        f"--aux 0.4 trains {', '.join(could)} too"
        if could
        else "add a layer with weights, such as a convolution"
    )
    named = " and ".join(f"`{name}`" for name in trained)
    headline = f"{named} of {network.name} {'have' if len(trained) > 1 else 'has'} no trainable parameters"
    raise SpecError([Diagnostic("ARCH935", headline, help=help)])


def output_maps(network: Network) -> dict[str, int]:
    """The number of channels of each output by name, the main output first."""
    from archdsl.passes.analyses.shapes import infer

    shapes = infer(network.graph)
    return {name: shapes[node][0] for name, node in network.graph.outputs.items()}


def image_channels(network: Network) -> int:
    """The number of channels of the network's first input, the image."""
    return next(iter(network.graph.inputs.values()))[0]


def image_size(network: Network) -> tuple[int, int]:
    """The height and width of the network's first input, the image."""
    _, height, width = next(iter(network.graph.inputs.values()))
    return height, width


def _fixed(target: Space | Network) -> Network:
    if isinstance(target, Space):
        raise SpecError([open_decisions(target)])
    return target
