"""`archdsl.train(…)`, `evaluate(…)` and `export(…)`: training, evaluation and export from Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, Union

from torch import nn

from archdsl.backends.torch_module import CompiledNetwork
from archdsl.data.dataset import Dataset, Splits
from archdsl.data.maps import channels_of, channels_of_maps
from archdsl.data.source import DataSource, parse_data
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.program import Network, Spec, program_of
from archdsl.refusals import refusing
from archdsl.runs.limits import demand_within
from archdsl.runs.processes import processes
from archdsl.runs.reporter import Reporter
from archdsl.train.distillation import Teacher
from archdsl.train.divergences import DistillLoss
from archdsl.train.exporting import FORMS, Written, filled, filled_by, write
from archdsl.train.networks import demand_fits, network_of
from archdsl.train.options import TrainOptions
from archdsl.train.output_losses import predicts_classes
from archdsl.train.recipe import Amp, TrainProgress
from archdsl.train.run import Trained, run
from archdsl.train.scoring import Scores, demand_same_classes, scored
from archdsl.train.tasks import PLAIN, demand_targets_of, of_classes, tasks_of
from archdsl.train.weights import classes_of, module_with_weights, read_metadata

Data = Union[DataSource, Splits, str]
"""A dataset specification such as `"camvid:data/camvid,resize=480"`, or training and validation datasets."""

_SUFFIXES = {".onnx": "onnx", ".pt2": "pt2", ".safetensors": "safetensors", ".py": "python"}


def train(
    network: Network | Spec,
    data: Data,
    *,
    name: str | None = None,
    settings: Mapping[str, Any] | None = None,
    epochs: int = 100,
    batch: int = 8,
    crop: tuple[int, int] | None = None,
    lr: float = 0.01,
    loss: str = "ohem",
    class_weights: str | Sequence[float] | None = None,
    aux: Mapping[str, float] | None = None,
    ema: float = 0.999,
    weight_decay: float = 5e-4,
    scale: tuple[float, float] = (0.5, 2.0),
    flip: bool = True,
    colour: float = 0.0,
    seed: int = 0,
    amp: Amp | None = None,
    channels_last: bool = False,
    evaluate_every: int = 1,
    folder: str | Path | None = None,
    resume: bool = False,
    init: str | Path | None = None,
    init_strict: bool = False,
    distill: Network | Spec | None = None,
    teacher_weights: str | Path | None = None,
    distill_loss: DistillLoss = "pixel",
    distill_weight: float = 1.0,
    distill_temperature: float = 1.0,
    device: str | None = None,
    licence: str = "",
    reporter: Reporter | None = None,
    report: Callable[[TrainProgress], None] = lambda now: None,
    stop: Callable[[], bool] = lambda: False,
) -> Trained:
    """Trains a network and returns its best score and the files of the run, like `archdsl train`.

    `network` is a network, or a spec, of which `name` (default: the last) with `settings` is trained, with as
    many classes as the dataset has. `crop` is (height, width) of training crops (default: the image size, at
    most 512 × 1024). `loss` is a loss of the main output, or a sum of losses of outputs such as
    `"ohem(logits) + 0.4 * bce(edge)"`; `aux` are loss weights of auxiliary outputs by name. `distill` is a
    teacher network for knowledge distillation, and `teacher_weights` a file with its weights, or a run
    folder. Other arguments are explained by `archdsl train --help`.

    The run folder is `runs/NAME` by default; with `resume`, the run in it is continued with the same options.
    `report` is called after each step and evaluation, `reporter` with other messages. If `stop` returns True,
    the training writes a checkpoint and raises `archdsl.runs.interrupted.Interrupted`. Raises SpecError, and
    ValueError for options that the machine or the network does not support.
    """
    recipe: dict[str, Any] = {
        "epochs": epochs, "batch": batch, "crop": crop, "lr": lr, "loss": loss, "aux": dict(aux or {}),
        "ema": ema, "weight_decay": weight_decay, "scale": scale, "flip": flip, "colour": colour,
        "seed": seed, "amp": amp, "channels_last": channels_last, "evaluate_every": evaluate_every,
    }  # fmt: skip
    if distill is not None:
        recipe |= {
            "distill_loss": distill_loss, "distill_weight": distill_weight,
            "distill_temperature": distill_temperature,
        }  # fmt: skip
    if init_strict and init is None:
        raise TypeError("`init_strict` needs initial weights: pass init=FILE")
    demand_within(recipe)
    splits = _splits(data)
    teacher = _teacher(distill, teacher_weights, len(splits.train.classes))
    of_classes_too = partial(predicts_classes, loss)
    made = _network(network, name, settings, splits.train, of_classes_too).with_train_outputs()
    own = dict(settings or {})
    options = TrainOptions(
        recipe=recipe,
        class_weights=_rule(class_weights),
        declared_size="image" in own,
        folder=None if folder is None else Path(folder),
        resume=resume,
        init=None if init is None else Path(init),
        init_strict=init_strict,
        device=device,
        licence=licence,
        teacher=teacher,
        recorded={"set": own, "name": name, "data": _written(data), "init": None},
    )
    with refusing():
        return run(made, splits, options, reporter=reporter, report=report, stop=stop)


def evaluate(
    network: nn.Module | Network | Spec,
    data: Dataset | Data,
    *,
    weights: str | Path | None = None,
    part: str = "val",
    name: str | None = None,
    settings: Mapping[str, Any] | None = None,
    size: tuple[int, int] | None = None,
    device: str | None = None,
    reporter: Reporter | None = None,
) -> Scores:
    """Evaluates a network on the split `part` of a dataset, like `archdsl eval`.

    A module is evaluated with its current weights, on its device unless `device` is set; it must map images,
    B × C × H × W, normalized as in `archdsl.data.channels`, to logits of any height and width. A `Network`,
    or a network of a spec, needs a file of `weights`. Images are resized to `size` (height, width), if set,
    and padded if the network does not support that size. Raises SpecError, and TypeError for contradictory
    arguments.
    """
    dataset = _part(data, part)
    if device is None and isinstance(network, nn.Module):
        device = next((str(p.device) for p in network.parameters()), None)
    here = processes(device)
    try:
        if isinstance(network, nn.Module):
            if weights is not None:
                raise TypeError("`weights` cannot be combined with a module, which has weights")
            module, outputs = network, PLAIN
        else:
            if weights is None:
                raise TypeError("a Network has no weights: pass weights=FILE, or its module")
            with refusing():
                metadata = read_metadata(Path(weights))
            outputs = tasks_of(metadata)
            demand_targets_of(outputs, dataset)
            if any(one.task == "classes" for one in outputs):
                demand_same_classes(tuple(classes_of(metadata)[0]), tuple(dataset.classes))
            made = _network(network, name, settings, dataset, lambda made: of_classes(outputs, made))
            with refusing():
                module, _ = module_with_weights(made, Path(weights))
        with refusing():
            return scored(module, dataset, here, reporter or Reporter(), size, outputs)
    finally:
        here.stop()


def export(
    network: CompiledNetwork | Network,
    path: str | Path,
    *,
    weights: str | Path | None = None,
    form: Literal["onnx", "pt2", "safetensors", "python"] | None = None,
    dynamic: bool = True,
    verify: bool = True,
    facts: Mapping[str, str] | None = None,
) -> Written:
    """Exports a network as an ONNX file, torch.export program, file of weights or Python source.

    The format is `form`, or determined by the suffix of `path`. A module built by archdsl (`Network.module`,
    `archdsl.compile`) is exported with its current weights, without train-only outputs; a `Network` needs a
    file of `weights`. With `dynamic`, batch, height and width are dynamic axes where the network allows; with
    `verify`, the outputs of an ONNX file in onnxruntime are compared with PyTorch's. `facts`, such as
    `classes` or `licence`, are stored as metadata. Returns the files written. Raises SpecError, and TypeError
    for other modules.
    """
    target = Path(path)
    chosen = form or _SUFFIXES.get(target.suffix.lower())
    if chosen is None or chosen not in FORMS:
        known = ", ".join(_SUFFIXES)
        headline = f"unknown suffix of {target.name}"
        raise SpecError([Diagnostic("ARCH951", headline, help=f"known suffixes: {known}; or pass form")])
    if isinstance(network, Network):
        if weights is None:
            raise TypeError("a Network has no weights: pass weights=FILE, or its module")
        source = filled(network, Path(weights))
    elif isinstance(network, CompiledNetwork):
        source = filled_by(network)
    else:
        raise TypeError("only modules built by archdsl can be exported; use torch.onnx.export for others")
    source = source.with_facts(facts or {})
    with refusing():
        return write(source, target, chosen, dynamic=dynamic, verify=verify)


def _network(
    network: Network | Spec, name: str | None, settings: Mapping[str, Any] | None, dataset: Dataset,
    is_of_classes: Callable[[Network], bool],
) -> Network:  # fmt: skip
    """The network to train or evaluate, after checking that it fits the dataset.

    A network of a spec gets as many classes as the dataset; a `Network` is unchanged.
    """
    classes = len(dataset.classes) or None
    if isinstance(network, Network):
        if name is not None or settings:
            raise TypeError("`settings` cannot be combined with a Network, which is already configured")
        made = network
    else:
        made = network_of(program_of(network), name, settings or {}, classes)
    wanted = classes if is_of_classes(made) else None
    demand_fits(made, wanted, channels_of(dataset), channels_of_maps(dataset))
    return made


def _teacher(network: Network | Spec | None, weights: str | Path | None, classes: int) -> Teacher | None:
    if network is None:
        if weights is not None:
            raise TypeError("`teacher_weights` needs a teacher network: pass distill=NETWORK")
        return None
    if weights is None:
        raise TypeError("`distill` needs the weights of the teacher: pass teacher_weights=FILE")
    if isinstance(network, Network):
        return Teacher(network, Path(weights))
    program = program_of(network)
    return Teacher(network_of(program, None, {}, classes), Path(weights), str(program.path or ""))


def _rule(weights: str | Sequence[float] | None) -> str | None:
    """Class weights as the text of a rule."""
    return weights if weights is None or isinstance(weights, str) else ",".join(map(repr, weights))


def _splits(data: Data) -> Splits:
    source = parse_data(data) if isinstance(data, str) else data
    if isinstance(source, DataSource):
        source = source.outside_searches("pass `batch`, `crop`, `scale` and `flip` to archdsl.train")
    found = source.open() if isinstance(source, DataSource) else source
    if not isinstance(found, Splits):
        raise TypeError(f'data must be "KIND:PATH", a DataSource or Splits, got {type(found).__name__}')
    return found


def _part(data: Dataset | Data, part: str) -> Dataset:
    source = parse_data(data) if isinstance(data, str) else data
    if isinstance(source, DataSource):
        source = source.outside_searches("remove it: whole images are evaluated; `size` resizes them")
        return source.open_part(part)
    if not isinstance(source, Splits):
        if not hasattr(source, "classes"):
            what = type(data).__name__
            raise TypeError(f'data must be "KIND:PATH", a DataSource, Dataset or Splits, got {what}')
        return source
    if part not in ("train", "val"):
        raise ValueError(f"a pair of datasets has the splits train and val, got {part}")
    return source.train if part == "train" else source.val


def _written(data: Data) -> str:
    """The dataset specification for the manifest."""
    if isinstance(data, str):
        return data
    return (data.text or data.kind) if isinstance(data, DataSource) else data.train.name
