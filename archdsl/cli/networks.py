"""Opens the network that SPEC names, for commands that train or run it, with as many classes as the dataset
or the weights have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from archdsl.cli import opening
from archdsl.diagnostics import SpecError

if TYPE_CHECKING:
    from archdsl.data.dataset import Dataset
    from archdsl.program import Network, Program


def open_trained(
    spec: str, name: str | None, settings: dict[str, Any], dataset: Dataset, loss: str
) -> Network:
    """The network that SPEC names, to be trained on a dataset with a loss.

    Raises SpecError as `demand_fits` does, and as `read_loss` does for errors in the loss.
    """
    from archdsl.data.maps import channels_of, channels_of_maps
    from archdsl.train.networks import demand_fits
    from archdsl.train.output_losses import predicts_classes

    classes = len(dataset.classes) or None
    network = with_classes(opening.load(spec), name, settings, classes)
    wanted = classes if predicts_classes(loss, network) else None
    demand_fits(network, wanted, channels_of(dataset), channels_of_maps(dataset))
    return network


def open_scored(
    spec: str, name: str | None, settings: dict[str, Any], metadata: Mapping[str, str],
    dataset: Dataset | None = None,
) -> Network:  # fmt: skip
    """The network that SPEC names, to be scored on a dataset, or without one to be applied to images.

    `metadata` is the metadata of the file of weights. Raises SpecError as `demand_fits` does.
    """
    from archdsl.data.maps import channels_of, channels_of_maps
    from archdsl.train.networks import demand_fits
    from archdsl.train.read_inputs import read_inputs_of
    from archdsl.train.tasks import of_classes, tasks_of
    from archdsl.train.weights import classes_of

    count = len(dataset.classes if dataset is not None else ()) or len(classes_of(metadata)[0]) or None
    network = with_classes(opening.load(spec), name, settings, count)
    if dataset is None:
        channels, maps = None, {name: shape[0] for name, shape in network.graph.inputs.items()}
    else:
        channels, maps = channels_of(dataset), channels_of_maps(dataset)
    wanted = count if of_classes(tasks_of(metadata), network) else None
    demand_fits(network, wanted, channels, maps, read_inputs_of(metadata).stacked)
    return network


def with_classes(
    program: Program, name: str | None, settings: dict[str, Any], classes: int | None,
    train_outputs: bool = False,
) -> Network:  # fmt: skip
    """The network of a file, with `classes` as the value of its setting `classes`, unless `settings`
    overrides it.
    """
    from archdsl.train.networks import network_of

    try:
        network = network_of(program, opening.chosen(program, name), settings, classes)
    except SpecError as error:
        if error.diagnostics[0].code == "ARCH226":
            raise _space(opening.chosen(program, name)) from error
        raise
    return network.with_train_outputs() if train_outputs else network


def fixed(target: Any) -> Network:
    """Returns the target if it is a network. Raises SpecError for a space."""
    from archdsl.program import Network

    if isinstance(target, Network):
        return target
    raise _space(target.name)


def _space(name: str) -> click.UsageError:
    return click.UsageError(
        f"{name} is a space: choose a network with --name, or sample one with `archdsl sample`"
    )
