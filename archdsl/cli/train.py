"""`archdsl train`: trains a network on a dataset; resumable; one or several processes."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from archdsl.cli import opening
from archdsl.cli.aux_outputs import aux_weights
from archdsl.cli.data import data_option, device_option
from archdsl.cli.networks import open_trained, with_classes
from archdsl.cli.ranges import Within
from archdsl.cli.resuming import without_spec
from archdsl.cli.set_option import SetCommand, name_option, set_option
from archdsl.cli.training import run_training
from archdsl.cli.unread import demand_read
from archdsl.data.source import DataSource, parse_data
from archdsl.train.options import TrainOptions

if TYPE_CHECKING:
    from archdsl.runs.manifest import Manifest

_EPILOG = """\b
Examples:
  archdsl train specs/autortnet_a.arch --data synthetic --epochs 20
  archdsl train best.arch --data camvid:data/camvid --crop 352x480 --epochs 200 --out runs/a
  archdsl train student.arch --data camvid:data/camvid --distill teacher.arch --teacher-weights runs/t
  archdsl train best.arch --resume runs/a
  torchrun --nproc-per-node 2 -m archdsl train best.arch --data cityscapes:data/cityscapes --batch 16
"""

_RECIPE = (
    "epochs", "batch", "crop", "lr", "loss", "ema", "weight_decay", "scale", "flip", "colour", "amp",
    "channels_last", "evaluate_every", "distill_loss", "distill_weight", "distill_temperature",
)  # fmt: skip


_MOST_PIXELS = 2**27


class _Size(click.ParamType):  # type: ignore[type-arg]  # generic in new versions of click only
    name = "HxW"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", value)
        if match is None:
            self.fail(f"expected a size HEIGHTxWIDTH such as 352x480, got `{value}`", param, ctx)
        height, width = int(match[1]), int(match[2])
        if height * width > _MOST_PIXELS:
            self.fail(f"{value} has more than {_MOST_PIXELS:,} pixels", param, ctx)
        return height, width


SIZE = _Size()


@click.command(cls=SetCommand, epilog=_EPILOG)
@click.argument("spec", metavar="SPEC", required=False)
@name_option
@set_option
@data_option(required=False)
@click.option("--epochs", type=Within("epochs"), default=100, show_default=True, help="Number of epochs.")
@click.option(
    "--batch", type=Within("batch"), default=8, show_default=True, help="Total batch size over all processes."
)
@click.option(
    "--crop", type=SIZE, help="Training crop size (default: that of --set image, or of the images)."
)
@click.option(
    "--lr", type=Within("lr"), default=0.01, show_default=True,
    help="Initial learning rate, decayed to zero by (1 - progress)^0.9.",
)  # fmt: skip
@click.option(
    "--loss", metavar="LOSS", default="ohem", show_default=True,
    help="Loss of the main output: ohem, cross_entropy, bce, l1, mse or smooth_l1; or a sum of losses of"
    " outputs, 'ohem(logits) + 0.4 * bce(edge)'.",
)  # fmt: skip
@click.option(
    "--class-weights", metavar="RULE",
    help="Class weights of the loss: inverse-log:C, which is 1 / ln(C + frequency), median, or a number for "
    "each class, 1,2.5,0.8 (default: uniform).",
)  # fmt: skip
@click.option(
    "--aux", multiple=True, metavar="WEIGHT|NAME=WEIGHT",
    help="Loss weights of auxiliary outputs: one for all with the same number of channels as the main one, or"
    " by name (default: none).",
)  # fmt: skip
@click.option(
    "--ema", type=Within("ema"), default=0.999, show_default=True,
    help="Decay of the exponential moving average of weights; 0 disables it.",
)  # fmt: skip
@click.option("--weight-decay", type=Within("weight_decay"), default=5e-4, show_default=True)
@click.option(
    "--scale", type=(Within("scale"), Within("scale")), default=(0.5, 2.0), show_default=True,
    metavar="MIN MAX",
    help="Range of the random scale factor.",
)  # fmt: skip
@click.option("--flip/--no-flip", default=True, show_default=True, help="Random horizontal flips.")
@click.option(
    "--colour", type=Within("colour"), default=0.0, show_default=True,
    help="Strength of colour jitter: brightness, contrast and saturation.",
)  # fmt: skip
@click.option("--seed", type=Within("seed"), default=0, show_default=True)
@click.option("--amp", type=click.Choice(["bfloat16", "float16"]), help="Mixed precision, on CUDA.")
@click.option("--channels-last", is_flag=True, help="Channels-last memory format, faster on GPUs.")
@click.option(
    "--evaluate-every", type=Within("evaluate_every"), default=1, show_default=True, metavar="EPOCHS",
    help="Epochs between evaluations.",
)  # fmt: skip
@click.option(
    "--init", type=click.Path(exists=True, path_type=Path), metavar="FILE|RUN",
    help="Initial weights: safetensors, a state_dict of torch.save, or a run folder.",
)  # fmt: skip
@click.option("--init-strict", is_flag=True, help="Require --init to have all tensors of the network.")
@click.option(
    "--distill", metavar="SPEC",
    help="A trained network, the teacher, whose predictions are learned too; needs --teacher-weights.",
)  # fmt: skip
@click.option(
    "--teacher-weights", type=click.Path(exists=True, path_type=Path), metavar="FILE|RUN",
    help="Weights of the teacher: a file or run folder, as for --init.",
)  # fmt: skip
@click.option(
    "--distill-loss", type=click.Choice(["pixel", "released"]), default="pixel", show_default=True,
    help="Divergence from the teacher: pixel is its mean over pixels; released is the mean over all elements,"
    " as in FasterSeg's code.",
)  # fmt: skip
@click.option(
    "--distill-weight", type=Within("distill_weight"), default=1.0, show_default=True,
    help="Weight of the distillation loss.",
)  # fmt: skip
@click.option(
    "--distill-temperature", type=Within("distill_temperature"), default=1.0, show_default=True,
    help="Softmax temperature of teacher and student, for pixel.",
)  # fmt: skip
@device_option
@click.option("--licence", default="", help="Licence of the weights, stored in their file.")
@click.option("-o", "--out", type=click.Path(file_okay=False, path_type=Path), help="Run folder.")
@click.option(
    "--resume", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Resume the run in DIR with its options, unless overridden.",
)  # fmt: skip
@click.pass_context
def train(
    ctx: click.Context, /, spec: str | None, name: str | None, settings: dict[str, Any],
    data: DataSource | None,
    init: Path | None, init_strict: bool, distill: str | None, teacher_weights: Path | None,
    device: str | None, licence: str, out: Path | None, resume: Path | None, **recipe: Any,
) -> None:  # fmt: skip
    """Train a network.

    Uses SGD with momentum 0.9; the averaged weights are evaluated on the validation split after each epoch,
    and the best are saved to weights.safetensors. Interrupted or killed runs are resumed by --resume.
    """
    if spec is None:
        raise without_spec(resume, "train")
    if data is None and resume is None:
        raise click.UsageError("expected a dataset with --data, or a run to resume with --resume")
    if resume is not None and out is not None:
        raise click.UsageError("--resume cannot be combined with --out")
    if resume is not None and init is not None:
        raise click.UsageError(
            "--init starts a new run and cannot be combined with --resume; set its folder with --out"
        )
    if init is None:
        demand_read("needs initial weights: --init FILE", "init_strict")
    if data is not None:
        data = data.outside_searches("use the options of train: --batch, --crop, --scale, --flip")
    before = _before(resume)
    files = before.settings.get("teacher_files") if before is not None else None
    if isinstance(files, dict):
        distill, teacher_weights = (
            distill or str(files["spec"]),
            teacher_weights or Path(str(files["weights"])),
        )
    _demand_teacher(distill, teacher_weights)
    if before is not None and resume is not None:
        given = {k for k in ctx.params if ctx.get_parameter_source(k) is ParameterSource.COMMANDLINE}
        _demand_same_epochs(before, recipe["epochs"] if "epochs" in given else None, spec, resume)
        recipe.update({k: before.settings[k] for k in _RECIPE if k in before.settings and k not in given})
        if "class_weights" not in given:
            rule = before.settings.get("class_weights_rule")
            recipe["class_weights"] = None if rule is None else str(rule)
        if "aux" not in given:
            aux = before.settings.get("aux")
            recipe["aux"] = tuple(f"{n}={w!r}" for n, w in aux.items()) if isinstance(aux, dict) else ()
        recipe["seed"] = recipe["seed"] if "seed" in given else before.seed
        settings = settings if "settings" in given else before.settings["set"]
        name = name if "name" in given else before.settings["name"]
        licence = licence if "licence" in given else before.settings["licence"]
        data = data or parse_data(before.settings["data"])
    assert data is not None
    splits = data.open()
    train = splits.train
    network = open_trained(spec, name, settings, train, recipe["loss"]).with_train_outputs()
    chosen: dict[str, Any] = {"set": settings, "name": name, "data": data.text}
    chosen["init"] = before.settings.get("init") if before is not None else None
    rule = recipe.pop("class_weights")
    teacher = None
    if distill is None or teacher_weights is None:
        recipe |= {"distill_loss": None, "distill_weight": 1.0, "distill_temperature": 1.0}
    else:
        from archdsl.train.distillation import Teacher

        taught = with_classes(opening.load(distill), None, {}, len(train.classes) or None)
        teacher = Teacher(taught, teacher_weights, distill)
    options = TrainOptions(
        {**recipe, "aux": aux_weights(recipe["aux"], network)}, rule, "image" in settings, resume or out,
        resume is not None, init, init_strict, device, licence, teacher, chosen, ("archdsl", *sys.argv[1:]),
    )  # fmt: skip
    ctx.exit(run_training(spec, network, splits, options))


def _demand_teacher(distill: str | None, weights: Path | None) -> None:
    """Raises UsageError for --distill without --teacher-weights, or other options of a teacher without
    --distill.
    """
    if distill is not None and weights is None:
        raise click.UsageError("--distill needs the weights of the teacher: --teacher-weights FILE")
    if distill is None:
        demand_read(
            "needs a teacher: --distill SPEC",
            "teacher_weights", "distill_loss", "distill_weight", "distill_temperature",
        )  # fmt: skip


def _demand_same_epochs(before: Manifest, epochs: int | None, spec: str, run: Path) -> None:
    """Raises SpecError (ARCH912) if a resumed run has another number of epochs.

    The learning rates of the run depend on the number of epochs.
    """
    from archdsl.diagnostics import Diagnostic, SpecError

    there = before.settings.get("epochs")
    if epochs is None or epochs == there:
        return
    headline = f"{run} is a run of {there} epochs, over which its learning rate decays to zero"
    more = f"archdsl train {shlex.quote(spec)} --init {shlex.quote(str(run))} --epochs N --data … --out DIR"
    raise SpecError(
        [Diagnostic("ARCH912", headline, help=f"continue from its final weights in a new run: {more}")]
    )


def _before(resume: Path | None) -> Manifest | None:
    if resume is None:
        return None
    from archdsl.runs.manifest import demand_settings, read_manifest
    from archdsl.train.folder import RunFolder

    found = read_manifest(RunFolder(resume).manifest, "train")
    demand_settings(RunFolder(resume).manifest, found, ("set", "name", "data", "licence"))
    return found
