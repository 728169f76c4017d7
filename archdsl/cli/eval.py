"""`archdsl eval`: mIoU and IoU by class of trained weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl.cli.data import data_option, demand_scorable
from archdsl.cli.networks import open_network
from archdsl.cli.settings import SetCommand, name_option, set_option
from archdsl.cli.train import SIZE
from archdsl.cli.weights_file import WeightsFile
from archdsl.data.source import DataSource
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.report import tables

if TYPE_CHECKING:
    from archdsl.data.dataset import Dataset
    from archdsl.train.metrics import Confusion

_EPILOG = """\b
Examples:
  archdsl eval best.arch --weights runs/a/weights.safetensors --data camvid:data/camvid
  archdsl eval best.arch --weights weights.safetensors --data folder:images --size 384x512 --json
  archdsl eval found.arch --weights found.safetensors --data camvid:data/camvid --split test
"""


@click.command("eval", cls=SetCommand, epilog=_EPILOG)
@click.argument("spec", metavar="SPEC")
@name_option
@set_option
@click.option(
    "--weights", type=WeightsFile(), required=True, metavar="FILE",
    help="What `archdsl train` wrote.",
)  # fmt: skip
@data_option(required=True)
@click.option(
    "--split", default="val", show_default=True, metavar="PART",
    help="train, val, or another part that the data has, such as test.",
)  # fmt: skip
@click.option("--size", type=SIZE, help="Resize images to this size (default: as they are).")
@click.option("--device", help="cpu, cuda or cuda:N (default: CUDA where there is some).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def eval_(
    spec: str, name: str | None, settings: dict[str, Any], weights: Path, data: DataSource, split: str,
    size: tuple[int, int] | None, device: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Score weights on data: one confusion matrix over all pixels that are labelled.

    Logits are brought to the size of the labels bilinearly before classes are taken from them.
    """
    from archdsl.runs.processes import processes
    from archdsl.train.evaluation import score
    from archdsl.train.weights import classes_of, module_with_weights

    dataset = data.open_part(split)
    demand_scorable(dataset)
    network = open_network(spec, name, settings, len(dataset.classes), dataset.channels)
    here = processes(device)
    module, metadata = module_with_weights(network, weights)
    _demand_same_classes(tuple(classes_of(metadata)[0]), dataset.classes)
    module.to(here.device)
    if here.is_first:
        _say_padding(module, size or dataset[0].mask.shape, dataset.channels)
    confusion = score(module, dataset, here, size)
    if here.is_first:
        click.echo((_json if as_json else _text)(confusion, dataset, split), nl=False)
    here.stop()


def _demand_same_classes(trained: tuple[str, ...], scored: tuple[str, ...]) -> None:
    """Raises SpecError (ARCH946) where weights say that they were trained on classes of other names."""
    if not trained or trained == scored:
        return
    headline = f"the weights tell {_some(trained)} apart, and the data has {_some(scored)}"
    if sorted(trained) == sorted(scored):
        words = "+".join(trained)
        own = "and `labels` if the masks are numbered otherwise"
        help = f"the same names in another order: set `classes={words}` in --data, {own}"
    else:
        help = "give the classes of a folder the names that the weights have: `classes=…` in --data"
    raise SpecError([Diagnostic("ARCH946", headline, help=help)])


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _say_padding(module: Any, size: tuple[int, int], channels: int) -> None:
    from archdsl.train.evaluation import demand_fitting

    fit = demand_fitting(module, size, channels)
    if fit != size:
        told = f"images of {size[0]}×{size[1]} are padded to {fit[0]}×{fit[1]}, which the network can take"
        click.echo(told, err=True)


def _text(confusion: Confusion, dataset: Dataset, _split: str) -> str:
    rows = [
        [name, _percent(iou), f"{pixels:,}"]
        for name, iou, pixels in zip(
            dataset.classes, confusion.iou().tolist(), confusion.matrix.sum(1).tolist(), strict=True
        )
    ]
    table = tables.table(("class", "IoU %", "pixels"), rows, numeric=(1, 2))
    whole = f"mIoU {_percent(confusion.mean_iou())} %, accuracy {_percent(confusion.accuracy())} %"
    return f"{table}\n{whole} on {len(dataset)} images of {dataset.name}\n"


def _json(confusion: Confusion, dataset: Dataset, split: str) -> str:
    from archdsl.render.json import document

    iou = dict(zip(dataset.classes, map(_number, confusion.iou().tolist()), strict=True))
    return document(
        "eval", data=dataset.name, split=split, images=len(dataset), miou=_number(confusion.mean_iou()),
        accuracy=_number(confusion.accuracy()), iou=iou, confusion=confusion.matrix.tolist(),
    )  # fmt: skip


def _percent(share: float) -> str:
    return "–" if share != share else f"{100 * share:.2f}"


def _number(share: float) -> float | None:
    return None if share != share else share
