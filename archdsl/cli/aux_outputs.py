"""The option `archdsl train --aux`: loss weights of auxiliary outputs; warns of outputs that are not
trained.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from archdsl.program import Network
    from archdsl.train.recipe import Recipe
    from archdsl.train.task import Task


def aux_weights(words: Sequence[str], network: Network) -> dict[str, float]:
    """The loss weights of auxiliary outputs, by name.

    Each word is a number, which applies to all auxiliary outputs that have the number of channels of the main
    output, or `NAME=NUMBER`.
    """
    from archdsl.train.networks import output_maps

    maps = output_maps(network)
    main, *further = maps
    fitting = [name for name in further if maps[name] == maps[main]]
    found: dict[str, float] = {}
    for word in sorted(words, key=lambda word: "=" in word):  # NAME=NUMBER takes precedence
        name, named, number = word.rpartition("=")
        weight = _weight(number, word)
        if not named:
            if not fitting:
                raise click.UsageError(
                    f"--aux {word}: {network.name} has no auxiliary output with {maps[main]} channels"
                )
            found |= dict.fromkeys(fitting, weight)
            continue
        if name not in further:
            known = f"available: {', '.join(further)}" if further else f"`{main}` is its only output"
            raise click.UsageError(f"--aux {word}: {network.name} has no auxiliary output `{name}`; {known}")
        if name not in fitting:
            raise click.UsageError(
                f"--aux {word}: `{name}` must have {maps[main]} channels, one per class, got {maps[name]}"
            )
        found[name] = weight
    return {name: found[name] for name in further if name in found}


def say_outputs(network: Network, task: Task, recipe: Recipe) -> None:
    """Prints which losses apply to which outputs, unless there is only a class loss on the main output.

    Warns of outputs that are not trained.
    """
    from archdsl.train.networks import output_maps

    aux, maps = recipe.aux, output_maps(network)
    main = next(iter(maps))
    plain = task.outputs == (main,) and all(loss.kind.task == "classes" for loss in task.losses)
    if not aux and not plain:
        on = ", ".join(f"{name} on {loss.target}" for loss in task.losses for name in loss.outputs)
        click.echo(f"loss {recipe.loss}: {on}")
    if aux:
        listed = ", ".join(f"{name} (weight {weight:g})" for name, weight in aux.items())
        click.echo(f"auxiliary outputs: {listed}")
    left = [name for name in maps if name not in task.outputs]
    if not left:
        return
    could = [name for name in left if maps[name] == maps[main]] if main in task.outputs else []
    help = f"; train {', '.join(could)} with --aux 0.4" if could else ""
    click.echo(f"warning: not trained: {', '.join(left)}{help}", err=True)


def _weight(number: str, word: str) -> float:
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if not 0 < weight < math.inf:
        raise click.UsageError(f"--aux {word}: expected a weight > 0, as in --aux 0.4 or --aux NAME=0.4")
    return weight
