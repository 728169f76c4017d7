"""The option `--set image=3x360x480 classes=11`, which overrides settings of a space or network."""

from __future__ import annotations

import re
from typing import Any

import click

from archdsl.lang.source_files import shortened
from archdsl.spec.from_text import parse_value

_SETTING = re.compile(r"[A-Za-z_]\w*=")
_TAKEN = ("name", "self")  # argument names of functions that take settings as keywords


class SetCommand(click.Command):
    """A click command whose option `--set` takes all following words of the form k=v."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, spread(args))


def spread(words: list[str]) -> list[str]:
    """Inserts `--set` before each word of the form k=v that follows a `--set`."""
    out: list[str] = []
    inside = False
    for n, word in enumerate(words):
        if word == "--":
            return out + words[n:]
        if word == "--set" or word.startswith("--set="):
            inside = True
            follows = n + 1 < len(words) and _SETTING.match(words[n + 1])
            if word != "--set" or not follows:  # otherwise the next round writes it
                out.append(word)
        elif inside and _SETTING.match(word):
            out += ["--set", word]
        else:
            inside = False
            out.append(word)
    return out


class _Pair(click.ParamType):  # type: ignore[type-arg]  # generic in new versions of click only
    name = "k=v"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        name, equals, text = value.partition("=")
        if not equals or not name.isidentifier() or not text:
            self.fail(f"expected NAME=VALUE such as classes=11, got `{shortened(value)}`", param, ctx)
        return name, parse_value(text)


def _no_repeats(
    _ctx: click.Context, _param: click.Parameter, pairs: tuple[tuple[str, Any], ...]
) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for name, value in pairs:
        if settings.get(name, value) != value:
            raise click.BadParameter(f"`{name}` is set twice")
        if name in _TAKEN:
            raise click.BadParameter(f"`{name}` is a reserved name and cannot be set")
        settings[name] = value
    return settings


set_option = click.option(
    "--set", "settings", type=_Pair(), multiple=True, callback=_no_repeats, metavar="K=V...",
    help="Override settings, as in --set image=3x360x480 classes=11 'widths=[8, 16]' 'kernels={3, 5}'.",
)  # fmt: skip
over_option = click.option(
    "--over", type=click.Choice(["outcomes", "networks"]), default="outcomes", show_default=True,
    help="Sample uniformly over the outcomes of each decision, or over all networks.",
)  # fmt: skip
train_outputs_option = click.option(
    "--train-outputs", is_flag=True, help="Include train-only outputs (`output NAME train`)."
)

name_option = click.option("--name", help="Space or network, if the file has several (default: the last).")
