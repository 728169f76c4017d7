"""`archdsl train --aux`: what the losses of further outputs count, and which outputs are never trained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from archdsl.program import Network


def aux_weights(words: Sequence[str], network: Network) -> dict[str, float]:
    """The weight of each further output that is trained.

    A word is a number, for all further outputs of as many maps as the main one, or `NAME=NUMBER`.
    """
    from archdsl.train.networks import output_maps

    maps = output_maps(network)
    main, *further = maps
    fitting = [name for name in further if maps[name] == maps[main]]
    found: dict[str, float] = {}
    for word in sorted(words, key=lambda word: "=" in word):  # the weight of one output wins
        name, named, number = word.rpartition("=")
        weight = _weight(number, word)
        if not named:
            if not fitting:
                raise click.UsageError(
                    f"--aux {word}: {network.name} has no further output of {maps[main]} maps"
                )
            found |= dict.fromkeys(fitting, weight)
            continue
        if name not in further:
            known = f"it has {', '.join(further)}" if further else f"`{main}` is its only one"
            raise click.UsageError(f"--aux {word}: {network.name} has no further output `{name}`; {known}")
        if name not in fitting:
            raise click.UsageError(
                f"--aux {word}: `{name}` has {maps[name]} maps, and there are {maps[main]} classes"
            )
        found[name] = weight
    return {name: found[name] for name in further if name in found}


def say_aux(network: Network, aux: Mapping[str, float]) -> None:
    """Names the further outputs that are trained, with their weights, and those that no loss reads."""
    from archdsl.train.networks import output_maps

    maps = output_maps(network)
    main, *further = maps
    if aux:
        listed = ", ".join(f"{name} (weight {weight:g})" for name, weight in aux.items())
        click.echo(f"trained beside `{main}`: {listed}")
    left = [name for name in further if name not in aux]
    if not left:
        return
    could = [name for name in left if maps[name] == maps[main]]
    help = f"; --aux 0.4 trains {', '.join(could)} beside `{main}`" if could else ""
    click.echo(f"warning: never trained: {', '.join(left)}{help}", err=True)


def _weight(number: str, word: str) -> float:
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if not 0 < weight < math.inf:
        raise click.UsageError(f"--aux {word}: write a weight above 0, as in --aux 0.4 or --aux NAME=0.4")
    return weight
