"""`archdsl predict`: predictions of a network on images, as overlays and class indices."""

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
from archdsl.cli.networks import open_network
from archdsl.cli.outputs import PREDICTED, Output, demand_free, overwrite_option
from archdsl.cli.set_option import SetCommand, name_option, set_option
from archdsl.cli.train import SIZE
from archdsl.cli.weights_file import WeightsFile
from archdsl.report.pictures import png
from archdsl.train.networks import image_channels

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from archdsl.data.dataset import Colour, Sample
    from archdsl.program import Network

Size = tuple[int, int]
"""Height and width."""
_MOST_THREADS = 8

_EPILOG = """\b
Examples:
  archdsl predict best.arch --weights runs/a/weights.safetensors street.jpg -o seen
  archdsl predict best.arch --weights weights.safetensors images/*.png --size 384x512 -o seen
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
@click.option("--size", type=SIZE, help="Resize images to this size (default: original size).")
@device_option
@click.option(
    "-o", "--out", type=click.Path(file_okay=False, path_type=Path), required=True, metavar="DIR",
    help="Output folder.",
)  # fmt: skip
@overwrite_option
def predict(
    spec: str, images: tuple[Path, ...], name: str | None, settings: dict[str, Any], weights: Path,
    size: tuple[int, int] | None, device: str | None, out: Path, overwrite: bool,
) -> None:  # fmt: skip
    """Draw the predictions of a network.

    For each IMAGE, writes DIR/NAME.png, an overlay of class colours with a legend, and DIR/NAME_classes.png,
    a mask of class indices.
    """
    from archdsl.runs.processes import processes
    from archdsl.train.weights import classes_of, module_with_weights, read_metadata

    _demand_names(images)
    read = [*images, weights, *opening.files(opening.load(spec))]
    demand_free(
        [Output(path, "prediction") for image in images for path in _pictures(image, out)], read, overwrite
    )
    classes, colours = classes_of(read_metadata(weights))
    network = open_network(spec, name, settings, len(classes) or None)
    here = processes(device)
    module, _ = module_with_weights(network, weights)
    module.to(here.device)
    pictures = _Pictures(images, image_channels(network))
    sizes = _sizes(pictures)
    fits = _fits(module, [size] if size else sorted(sizes), pictures.channels)
    for n, path in enumerate(images):
        pixels, found = _seen(module, pictures, n, size, here.device, fits)
        _write(pixels, found, _pictures(path, out), *_named(classes, colours, network))
    click.echo(f"wrote {2 * len(images)} pictures to {out}")


@dataclass(frozen=True)
class _Pictures:
    """A dataset of images without labels."""

    paths: Sequence[Path]
    channels: int
    name: str = "pictures"
    classes: tuple[str, ...] = ()
    colours: tuple[Colour, ...] = ()

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> Sample:
        import numpy as np

        from archdsl.data.dataset import IGNORE, Sample
        from archdsl.data.image_files import read_image

        image = read_image(self.paths[i], self.channels)
        return Sample(image, np.full(image.shape[:2], IGNORE, np.uint8), self.paths[i].stem)

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
    """The padded size for each image size. Raises SpecError (ARCH918) for unsupported sizes."""
    from archdsl.train.evaluation import demand_fitting

    fits = {size: demand_fitting(module, size, channels) for size in sizes}
    for here, fit in fits.items():
        if fit != here:
            padding = f"images of {here[0]}×{here[1]} are padded to {fit[0]}×{fit[1]}"
            click.echo(f"{padding}, a size that the network supports", err=True)
    return fits


def _seen(
    module: torch.nn.Module, pictures: _Pictures, n: int, size: tuple[int, int] | None, device: torch.device,
    fits: Mapping[Size, Size],
) -> tuple[NDArray[Any], NDArray[Any]]:  # fmt: skip
    """An image and its predicted class indices, at original size."""
    import torch

    from archdsl.data.batches import whole
    from archdsl.train.evaluation import at_size, logits_of

    pixels = pictures[n].image
    images_B3HW = whole(pictures, n, size).images_B3HW.to(device)
    fit = fits[images_B3HW.shape[-2], images_B3HW.shape[-1]]
    with torch.inference_mode():
        logits_BKHW = at_size(logits_of(module, images_B3HW, fit), pixels.shape[:2])
    return pixels, logits_BKHW.argmax(1)[0].cpu().numpy()


def _write(
    pixels: NDArray[Any], found: NDArray[Any], files: tuple[Path, Path], names: Sequence[str],
    colours: Sequence[Colour],
) -> None:  # fmt: skip
    from archdsl.data.channels import as_colours
    from archdsl.train.overlay import numbers, overlay

    pictures = overlay(as_colours(pixels), found, names, colours), numbers(found, colours)
    for path, picture in zip(files, pictures, strict=True):
        atomic.write_bytes(path, png(picture, PREDICTED))


def _pictures(image: Path, out: Path) -> tuple[Path, Path]:
    """The output paths of an image: overlay and class indices."""
    return out / f"{image.stem}.png", out / f"{image.stem}_classes.png"


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
