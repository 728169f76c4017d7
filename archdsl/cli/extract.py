"""`archdsl extract`: extracts the weights of a network from a run."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archdsl.cli import opening
from archdsl.cli.outputs import Output, demand_free, overwrite_option

if TYPE_CHECKING:
    from archdsl.program import Network

_EPILOG = """\b
Examples:
  archdsl extract runs/Quick -o best.safetensors
  archdsl extract runs/Quick --network runs/Quick/found-0003.arch -o third.safetensors
  archdsl extract runs/CoSearch/student -o student.safetensors
  archdsl extract runs/Quick -o best.safetensors --calibrate 16 --data synthetic
  archdsl extract runs/a --half -o small.safetensors
"""


@click.command(epilog=_EPILOG)
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--network", "spec", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="For a search: the file of a network of the space (default: best.arch of the run). In a co-search,"
    " its folder determines the architecture.",
)  # fmt: skip
@click.option(
    "--calibrate", type=click.IntRange(0), default=0, show_default=True, metavar="BATCHES",
    help="Recompute batch-norm statistics from this many batches of 8; recorded in the file of weights.",
)  # fmt: skip
@click.option("--data", metavar="KIND[:PATH][,K=V]", help="Dataset for --calibrate, as in `train`.")
@click.option("--half", is_flag=True, help="Store as float16.")
@overwrite_option
def extract(
    run: Path, output: Path, spec: Path | None, calibrate: int, data: str | None, half: bool,
    overwrite: bool,
) -> None:  # fmt: skip
    """Extract the weights of a network from a run.

    From a search: the weights inherited from the supernet; in eval mode, logits are bit-identical to the
    supernet's. From a training: the best ones.
    """
    from archdsl.runs.manifest import run_kind
    from archdsl.search.folder import SearchFolder
    from archdsl.search.inherited import run_of
    from archdsl.train.folder import RunFolder
    from archdsl.train.weights import copy_weights

    if calibrate and data is None:
        raise click.UsageError("--calibrate requires --data")
    part, run = run, run_of(run)
    if part != run and spec is None:
        spec = SearchFolder(part).found
    kind = run_kind(run / "manifest.json")
    demand_free([Output(output, "weights")], _files(run, spec), overwrite)
    if kind == "search":
        click.echo(_inherited(run, output, spec, calibrate, data, half))
        return
    if spec is not None or calibrate:
        raise click.UsageError(f"{run} is a training run: --network and --calibrate apply to searches only")
    name = copy_weights(RunFolder(run).best_weights, output, half).get("name", "a network")
    click.echo(f"wrote {output}: {name} of {run}")


def _files(run: Path, spec: Path | None) -> list[Path]:
    """The files of a run that are read, or must not be overwritten."""
    from archdsl.search.folder import SearchFolder
    from archdsl.train.folder import RunFolder

    training, search = RunFolder(run), SearchFolder(run)
    own = [training.manifest, training.journal, training.report, training.best_weights, training.last_weights]
    kept = [*search.path.glob("*.arch"), *(run / "checkpoints").glob("*")]
    return [*own, search.weights, *kept, *([spec] if spec else [])]


def _inherited(
    run: Path, output: Path, spec: Path | None, calibrate: int, data: str | None, half: bool
) -> str:  # fmt: skip
    from archdsl.diagnostics import Diagnostic, SpecError
    from archdsl.runs.manifest import read_manifest
    from archdsl.search.extract import extract as take
    from archdsl.search.extract import recalibrate
    from archdsl.search.folder import SearchFolder
    from archdsl.search.inherited import is_cosearch, supernet_of
    from archdsl.train.weights import SPEC, network_hash, save_weights

    folder = SearchFolder(run)
    manifest = read_manifest(folder.manifest, "search")
    path = spec or folder.found
    if is_cosearch(manifest) and not path.exists():
        found = ", ".join(str(one) for one in sorted(run.glob("*/best.arch"))) or "none yet"
        headline = f"{run} is a co-search, with a network for each architecture"
        raise SpecError([Diagnostic("ARCH911", headline, help=f"select one with --network: {found}")])
    network = opening.load(str(path)).network()
    net, step = supernet_of(run, path, network)
    module = take(net, network)
    if data is not None and calibrate:
        recalibrate(module, _batches(data, network, calibrate))
    metadata = {
        SPEC: network_hash(network), "name": network.name, "from": manifest.name, "step": str(step),
        "calibrated_batches": str(calibrate), "classes": json.dumps(manifest.data.get("classes", [])),
    }  # fmt: skip
    metadata |= _of_the_best(path.parent, run)
    save_weights(output, module, metadata, half)
    again = f", statistics of {calibrate} batches" if calibrate else ""
    return f"wrote {output}: {network.name} after step {step} of {manifest.name}{again}"


def _of_the_best(*folders: Path) -> dict[str, str]:
    """Metadata of the best weights of a search: the inputs that they read and the outputs that they predict.

    Read from the first of the folders that contains the weights of the network found; empty if none does.
    """
    from archdsl.diagnostics import SpecError
    from archdsl.search.folder import SearchFolder
    from archdsl.train.read_inputs import INPUTS
    from archdsl.train.tasks import TASKS
    from archdsl.train.weights import read_metadata

    for folder in folders:
        best = SearchFolder(folder).weights
        if best.is_file():
            with suppress(SpecError):  # a damaged file does not matter here
                known = read_metadata(best)
                return {key: known[key] for key in (TASKS, INPUTS, "colours") if key in known}
    return {}


def _batches(data: str, network: Network, count: int) -> list:  # type: ignore[type-arg]
    from archdsl.data.augmentation import Augmentation
    from archdsl.data.batches import Batches
    from archdsl.data.maps import channels_of, channels_of_maps
    from archdsl.data.source import parse_data
    from archdsl.data.targets import read_maps
    from archdsl.train.networks import demand_fits, image_size

    dataset = parse_data(data).open().train
    demand_fits(network, None, channels_of(dataset), channels_of_maps(dataset))
    read, (height, width) = read_maps(dataset, network.graph), image_size(network)
    batches = Batches(dataset, 8, Augmentation((height, width)), seed=0, inputs=read)
    return [batches.batch(step).images_B3HW for step in range(count)]
