"""Options of commands that run networks on data: `--data camvid:PATH` and `--device`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from archdsl.data.source import DataSource, parse_data

F = TypeVar("F", bound=Callable[..., Any])


class _DataType(click.ParamType):  # type: ignore[type-arg]  # generic in new versions of click only
    name = "data"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> DataSource:
        return value if isinstance(value, DataSource) else parse_data(value)


def data_option(required: bool) -> Callable[[F], F]:
    return click.option(
        "--data", type=_DataType(), required=required, metavar="KIND[:PATH][,K=V]",
        help="camvid:PATH, cityscapes:PATH, folder:PATH, or synthetic; settings follow, as in"
        " synthetic:images=32,size=64x128.",
    )  # fmt: skip


def device_option(command: F) -> F:
    return click.option("--device", help="cpu, cuda or cuda:N (default: CUDA if available).")(command)
