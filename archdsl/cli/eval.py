"""`archdsl eval`: mIoU and IoU per class of trained weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl.cli.data import data_option, device_option
from archdsl.cli.networks import open_scored
from archdsl.cli.set_option import SetCommand, name_option, set_option
from archdsl.cli.train import SIZE
from archdsl.cli.weights_file import WeightsFile
from archdsl.data.source import DataSource
from archdsl.report import text_tables

if TYPE_CHECKING:
    from archdsl.data.dataset import Dataset
    from archdsl.train.scoring import Scores

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
    help="Weights from `archdsl train`.",
)  # fmt: skip
@data_option(required=True)
@click.option(
    "--split", default="val", show_default=True, metavar="PART",
    help="Split: train, val, or another one of the dataset, such as test.",
)  # fmt: skip
@click.option("--size", type=SIZE, help="Resize images to this size (default: original size).")
@device_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def eval_(
    spec: str, name: str | None, settings: dict[str, Any], weights: Path, data: DataSource, split: str,
    size: tuple[int, int] | None, device: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Evaluate weights on a dataset: one confusion matrix over all labelled pixels.

    Logits are resized bilinearly to the size of the labels before the argmax.
    """
    from archdsl.cli.reporting import TerminalReporter
    from archdsl.runs.processes import processes
    from archdsl.train.scoring import demand_same_classes, scored
    from archdsl.train.tasks import demand_targets_of, tasks_of
    from archdsl.train.weights import classes_of, module_with_weights, read_metadata

    data = data.outside_searches("remove it: whole images are evaluated; --size resizes them")
    dataset, metadata = data.open_part(split), read_metadata(weights)
    outputs = tasks_of(metadata)
    demand_targets_of(outputs, dataset)
    if any(one.task == "classes" for one in outputs):
        demand_same_classes(tuple(classes_of(metadata)[0]), dataset.classes)
    network = open_scored(spec, name, settings, metadata, dataset)
    here = processes(device)
    module, _ = module_with_weights(network, weights)
    scores = scored(module, dataset, here, TerminalReporter(), size, outputs)
    if here.is_first:
        click.echo((_json if as_json else _text)(scores, dataset, split), nl=False)
    here.stop()


def _text(scores: Scores, dataset: Dataset, _split: str) -> str:
    on = f"on {scores.images} images of {dataset.name}"
    others = "".join(f"{name}: {_shown(own)} {on}\n" for name, own in scores.outputs.items())
    if not scores.classes:
        return others
    pixels = scores.confusion_KK.sum(1).tolist()
    rows = [
        [name, _percent(iou), f"{count:,}"]
        for (name, iou), count in zip(scores.iou.items(), pixels, strict=True)
    ]
    table = text_tables.table(("class", "IoU %", "pixels"), rows, numeric=(1, 2))
    whole = f"mIoU {_percent(scores.miou)} %, accuracy {_percent(scores.accuracy)} %"
    return f"{table}\n{whole} {on}\n{others}"


def _shown(scores: Mapping[str, float]) -> str:
    """The scores of an output in one line: ratios in percent, errors as numbers."""
    from archdsl.report.scores import LOWER, NAMES

    texts = {
        name: f"{score:.4g}" if name in LOWER and score == score else f"{_percent(score)} %"
        for name, score in scores.items()
    }
    return ", ".join(f"{NAMES[name]} {text}" for name, text in texts.items())


def _json(scores: Scores, dataset: Dataset, split: str) -> str:
    from archdsl.render.json import document

    others = {output: {n: _number(v) for n, v in own.items()} for output, own in scores.outputs.items()}
    return document(
        "eval", data=dataset.name, split=split, images=scores.images, miou=_number(scores.miou),
        accuracy=_number(scores.accuracy), iou=scores.iou, confusion=scores.confusion_KK.tolist(),
        **({"outputs": others} if others else {}),
    )  # fmt: skip


def _percent(share: float | None) -> str:
    return "–" if share is None or share != share else f"{100 * share:.2f}"


def _number(share: float) -> float | None:
    return None if share != share else share
