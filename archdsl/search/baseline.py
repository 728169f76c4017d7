"""Reads the baseline network that the result of a search is compared with."""

from __future__ import annotations

from pathlib import Path

from archdsl.data.dataset import Splits
from archdsl.data.maps import channels_of, channels_of_maps
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.program import Network, Space, load
from archdsl.search.config import SearchConfig
from archdsl.search.differentiable.readiness import demand_runs
from archdsl.search.scores import losses_of
from archdsl.train.networks import demand_fits, demand_parameters, network_of


def read_baseline(path: Path, config: SearchConfig, space: Space, splits: Splits) -> Network:
    """The baseline network of a file, with the image size of the space and the number of classes of the data.

    Raises SpecError if the search could not train or score the network: ARCH226 for a space, ARCH918 and
    ARCH829 as `demand_runs`, ARCH935 if it has no parameters, ARCH942 for other image channels, ARCH836 if it
    has none of the outputs that the losses name.
    """
    program, classes = load(path), len(splits.train.classes)
    name = program.default_name()
    _, height, width = next(iter(space.graph.inputs.values()))
    # MACs are compared, so they are counted for images of one size.
    sized = {image: (s[0], height, width) for image, s in network_of(program, name, {}).graph.inputs.items()}
    network = network_of(program, name, sized, classes)
    demand_fits(network, classes, channels_of(splits.train), channels_of_maps(splits.train))
    _demand_outputs(network, config)
    demand_parameters(network)
    demand_runs(config, network.graph, splits)
    return network


def _demand_outputs(network: Network, config: SearchConfig) -> None:
    """Raises SpecError (ARCH836) if all losses name outputs, and the network has none of these."""
    named = [loss.output for loss in losses_of(config)]
    if all(named) and not any(name in network.graph.outputs for name in named):
        headline = f"the losses name outputs that the baseline {network.name} does not have"
        help = f"its outputs: {', '.join(network.graph.outputs)}; those of the losses: {', '.join(named)}"
        raise SpecError([Diagnostic("ARCH836", headline, help=help)])
