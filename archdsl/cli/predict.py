"""The command `archdsl predict`: writes the predictions of a network on images, as overlays and class
indices.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl import atomic
from archdsl.cli import opening
from archdsl.cli.data import device_option
from archdsl.cli.input_files import InputFiles, InputFilesType, files_of_inputs
from archdsl.cli.networks import open_scored
from archdsl.cli.outputs import PREDICTED, Output, demand_free, overwrite_option
from archdsl.cli.set_option import SetCommand, name_option, set_option
from archdsl.cli.train import SIZE
from archdsl.cli.weights_file import WeightsFile
from archdsl.report.pictures import png
from archdsl.train.networks import image_channels

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from PIL.Image import Image

    from archdsl.data.dataset import Colour, Sample
    from archdsl.data.maps import MapKind
    from archdsl.program import Network
    from archdsl.train.tallies import ScoredOutput

Size = tuple[int, int]
"""The height and width of an image."""
_MOST_THREADS = 8

_EPILOG = """\b
Examples:
  archdsl predict best.arch --weights runs/a/weights.safetensors street.jpg -o seen
  archdsl predict best.arch --weights weights.safetensors images/*.png --size 384x512 -o seen
  archdsl predict rooms.arch --weights weights.safetensors images/*.png --input depth=depth -o seen
"""


@click.command(cls=SetCommand, epilog=_EPILOG)
@click.argument("spec", metavar="SPEC")
@click.argument(
    "images", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="IMAGE...",
)  # fmt: skip
@name_option
@set_option
@click.option(
    "--weights", type=WeightsFile(), required=True, metavar="FILE",
    help="Weights from `archdsl train`.",
)  # fmt: skip
@click.option(
    "--input", "inputs", type=InputFilesType(), multiple=True, metavar="NAME=DIR",
    help="Folder of the files of a further input of the network, such as depth=scans/depth; repeat it for"
    " several. Settings may follow, as in depth=DIR,map_scale=0.001 (default: those of the training).",
)  # fmt: skip
@click.option("--size", type=SIZE, help="Resize images to this size (default: original size).")
@device_option
@click.option(
    "-o", "--out", type=click.Path(file_okay=False, path_type=Path), required=True, metavar="DIR",
    help="Output folder.",
)  # fmt: skip
@overwrite_option
def predict(
    spec: str, images: tuple[Path, ...], name: str | None, settings: dict[str, Any], weights: Path,
    inputs: tuple[InputFiles, ...], size: tuple[int, int] | None, device: str | None, out: Path,
    overwrite: bool,
) -> None:  # fmt: skip
    """Draw the predictions of a network.

    For each IMAGE, writes DIR/NAME.png, an overlay of class colours with a legend, and DIR/NAME_classes.png,
    a mask of class indices. For an output that predicts a map of probabilities or numbers, writes
    DIR/NAME_OUTPUT.png: the probabilities, or the numbers from the smallest (black) to the largest (white).
    Numbers are also written to DIR/NAME_OUTPUT_values.png, with 16 bits, in the scale of the files that the
    network was trained on. If the network has further inputs, --input gives a folder for each, with one file
    for every IMAGE.
    """
    from archdsl.runs.processes import processes
    from archdsl.train.read_inputs import read_inputs_of
    from archdsl.train.tasks import tasks_of
    from archdsl.train.weights import classes_of, module_with_weights, read_metadata

    _demand_names(images)
    metadata = read_metadata(weights)
    classes, colours = classes_of(metadata)
    network = open_scored(spec, name, settings, metadata)
    maps = read_inputs_of(metadata)
    beside = files_of_inputs(inputs, network.graph, maps, images)
    read = [
        *images,
        *(path for _, own in beside for path in own),
        weights,
        *opening.files(opening.load(spec)),
    ]
    outputs = tasks_of(metadata)
    written = [path for image in images for path in _pictures(image, out, outputs)]
    demand_free([Output(path, "prediction") for path in written], read, overwrite)
    here = processes(device)
    module, _ = module_with_weights(network, weights)
    module.to(here.device)
    pictures = _Pictures(images, image_channels(network) - maps.stacked, beside)
    sizes = _sizes(pictures)
    fits = _fits(module, [size] if size else sorted(sizes), image_channels(network))
    for n, path in enumerate(images):
        pixels, found = _seen(module, pictures, n, size, here.device, fits, outputs)
        drawn: list[Image] = []
        for one, output_CHW in zip(outputs, found, strict=True):
            if one.task == "classes":
                drawn += _of_classes(pixels, output_CHW.argmax(0), *_named(classes, colours, network))
            else:
                drawn += _of_map(output_CHW[0], one)
        for file, picture in zip(_pictures(path, out, outputs), drawn, strict=True):
            atomic.write_bytes(file, png(picture, PREDICTED))
    click.echo(f"wrote {len(written)} pictures to {out}")


@dataclass(frozen=True)
class _Pictures:
    """A dataset of images without labels; `beside` are the maps of further inputs for each image."""

    paths: Sequence[Path]
    channels: int
    beside: Sequence[tuple[MapKind, Sequence[Path]]] = ()
    name: str = "pictures"
    classes: tuple[str, ...] = ()
    colours: tuple[Colour, ...] = ()

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> Sample:
        import numpy as np

        from archdsl.data.dataset import IGNORE, Sample
        from archdsl.data.files import FileSize, maps_beside
        from archdsl.data.image_files import read_turned

        image, turned = read_turned(self.paths[i], self.channels)
        of_image = [(kind, paths[i]) for kind, paths in self.beside]
        maps = maps_beside(of_image, FileSize.of(image, turned))
        return Sample(image, np.full(image.shape[:2], IGNORE, np.uint8), self.paths[i].stem, maps)

    @property
    def kinds(self) -> tuple[MapKind, ...]:
        return tuple(kind for kind, _ in self.beside)

    @property
    def maps(self) -> tuple[str, ...]:
        return tuple(kind.name for kind in self.kinds)

    def fingerprint(self) -> str:
        raise NotImplementedError("images without labels cannot be trained on")


def _sizes(pictures: _Pictures) -> set[Size]:
    """The sizes of all images. Raises SpecError with all unreadable files."""
    from concurrent.futures import ThreadPoolExecutor

    from archdsl.data.faults import grouped
    from archdsl.diagnostics import SpecError

    def looked_at(n: int) -> tuple[int, ...] | SpecError:
        try:
            return pictures[n].image.shape[:2]
        except SpecError as error:
            return error

    with ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1)) as pool:
        found = list(pool.map(looked_at, range(len(pictures))))
    problems = [d for one in found if isinstance(one, SpecError) for d in one.diagnostics]
    if problems:
        raise SpecError(grouped(problems))
    return {(one[0], one[1]) for one in found if not isinstance(one, SpecError)}


def _fits(module: torch.nn.Module, sizes: Sequence[Size], channels: int) -> dict[Size, Size]:
    """For each size of images, the padded size that the network accepts. Raises SpecError (ARCH918) if none
    exists.
    """
    from archdsl.train.evaluation import demand_fitting

    fits = {size: demand_fitting(module, size, channels) for size in sizes}
    for here, fit in fits.items():
        if fit != here:
            padding = f"images of {here[0]}×{here[1]} are padded to {fit[0]}×{fit[1]}"
            click.echo(f"{padding}, a size that the network supports", err=True)
    return fits


def _seen(
    module: torch.nn.Module, pictures: _Pictures, n: int, size: tuple[int, int] | None, device: torch.device,
    fits: Mapping[Size, Size], outputs: Sequence[ScoredOutput],
) -> tuple[NDArray[Any], list[NDArray[Any]]]:  # fmt: skip
    """An image, and the outputs of the network for it at its original size, channels × height × width
    each.
    """
    import torch

    from archdsl.data.batches import whole
    from archdsl.train.evaluation import at_size, logits_of, outputs_of

    pixels = pictures[n].image
    images_B3HW = whole(pictures, n, size, inputs=pictures.maps).images_B3HW.to(device)
    fit = fits[images_B3HW.shape[-2], images_B3HW.shape[-1]]
    names = [one.name for one in outputs]
    with torch.inference_mode():
        if names == [""]:
            found = [logits_of(module, images_B3HW, fit)]
        else:
            found = list(outputs_of(module, images_B3HW, fit, names).values())
        sized = [at_size(output_BCHW, pixels.shape[:2]) for output_BCHW in found]
    return pixels, [output_BCHW[0].float().cpu().numpy() for output_BCHW in sized]


def _of_classes(
    pixels: NDArray[Any], found: NDArray[Any], names: Sequence[str], colours: Sequence[Colour]
) -> list[Image]:
    from archdsl.data.channels import as_colours
    from archdsl.train.overlay import numbers, overlay

    return [overlay(as_colours(pixels), found, names, colours), numbers(found, colours)]


def _of_map(found: NDArray[Any], output: ScoredOutput) -> list[Image]:
    """The pictures of an output that is a map: a grey image, and for a map of numbers also a 16-bit image of
    these numbers.
    """
    from archdsl.data.maps import MapKind, samples_of
    from archdsl.train.overlay import grey, picture, probabilities

    if output.task == "binary":
        return [probabilities(found)]
    return [grey(found), picture(samples_of(found, MapKind(output.target, output.scale)))]


def _pictures(image: Path, out: Path, outputs: Sequence[ScoredOutput]) -> list[Path]:
    """The paths of the pictures for an image: overlay and class indices, and for each map its pictures."""
    found: list[str] = []
    for one in outputs:
        if one.task == "classes":
            found += ["", "_classes"]
        else:
            found += [f"_{one.name}", *([f"_{one.name}_values"] if one.task == "regression" else [])]
    return [out / f"{image.stem}{end}.png" for end in found]


def _named(
    names: list[str], colours: list[Colour], network: Network
) -> tuple[Sequence[str], Sequence[Colour]]:
    from archdsl.passes.analyses.shapes import infer
    from archdsl.train.overlay import any_colours

    maps = infer(network.graph)[next(iter(network.graph.outputs.values()))][0]
    names = names or [f"class {n}" for n in range(maps)]
    return names, colours if len(colours) == len(names) else any_colours(len(names))


def _demand_names(images: Sequence[Path]) -> None:
    stems: dict[str, Path] = {}
    for path in images:
        if path.stem in stems:
            raise click.UsageError(
                f"{stems[path.stem]} and {path} have the same output name; use separate calls"
            )
        stems[path.stem] = path
