"""The command `archdsl compile --out DIR`: writes all forms of a network, and its output on an image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archdsl import atomic
from archdsl.cli.exporting import say_random
from archdsl.cli.outputs import Kind, Output
from archdsl.report import text_tables
from archdsl.report.numbers import plural, shape

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from archdsl.backends.torch_module import CompiledNetwork
    from archdsl.program import Network
    from archdsl.train.exporting import Filled

_FILES: dict[str, Kind] = {
    "layers.txt": "layers", "network.arch": "spec", "network.py": "python", "network.onnx": "onnx",
    "diagram.svg": "svg", "input.png": "png", "output.png": "png",
}  # fmt: skip


def outputs(folder: Path, trained: bool) -> list[Output]:
    """The files that will be written."""
    weights = [Output(folder / "network.safetensors", "weights")] if trained else []
    return [*(Output(folder / name, kind) for name, kind in _FILES.items()), *weights]


def write_everything(
    network: Network, folder: Path, picture: Path | None, weights: Path | None, seed: int
) -> None:
    """Writes layers.txt, network.arch/.py/.onnx, diagram.svg, input.png and output.png into `folder`.

    With a file of `weights`, also network.safetensors, which network.py loads.
    """
    from archdsl.spec.decompile import written_out
    from archdsl.train.exporting import filled

    graph = network.graph
    sizes = tuple(next(iter(graph.inputs.values())))
    image_HWC = _image(picture, *sizes[1:])
    click.echo(f"{network.name}: input {shape(sizes)}")
    rows, total = text_tables.layers(graph, "op")
    atomic.write_text(folder / "layers.txt", text_tables.layers_text(graph))
    _say(
        folder,
        "layers.txt",
        f"{plural(len(rows), 'layer')}, {total.params:,} parameters, {total.macs:,} MACs",
    )
    atomic.write_text(folder / "network.arch", written_out(network.with_train_outputs().graph))
    _say(folder, "network.arch", "the network as a self-contained spec")
    _write_diagram(network, folder)
    _save(folder / "input.png", image_HWC)
    origin = "generated" if picture is None else str(picture)
    _say(folder, "input.png", f"{origin}, at {shape(sizes[1:])}")
    net = filled(network, weights, seed)
    if net.is_random:
        say_random(seed)
    _run(net, folder, image_HWC)
    _write_python(net, folder)
    _write_onnx(net, folder)


def _say(folder: Path, name: str, what: str) -> None:
    click.echo(f"  {(folder / name).as_posix()}: {what}")


def _write_diagram(network: Network, folder: Path) -> None:
    from archdsl.cli.viz import rendered

    atomic.write_bytes(folder / "diagram.svg", rendered(network.with_train_outputs().graph, None, ".svg"))
    _say(folder, "diagram.svg", "the graph of its layers")


def _write_python(net: Filled, folder: Path) -> None:
    from archdsl.train.exporting import write

    write(net, folder / "network.py", "python")
    lines = (folder / "network.py").read_text(encoding="utf-8").count("\n")
    _say(folder, "network.py", f"Python that depends on torch only, {plural(lines, 'line')}")
    if not net.is_random:
        _say(folder, "network.safetensors", "its weights")


def _run(net: Filled, folder: Path, image_HWC: NDArray[np.uint8]) -> None:
    """Writes output.png: the outputs of the network for the image, one below the other.

    Further channels of the image, and further inputs, are 0.
    """
    import numpy as np
    import torch

    module = net.module
    (channels, *size), *others = module.archdsl_graph.inputs.values()
    image_1CHW = torch.zeros(1, channels, *size)
    normalized_CHW = torch.from_numpy(_normalized(image_HWC, channels))
    image_1CHW[0, : len(normalized_CHW)] = normalized_CHW
    inputs = [image_1CHW, *(torch.zeros(1, *further) for further in others)]
    with torch.inference_mode():
        if net.is_random:
            _settle(module, inputs)
        found = {name: output_1CHW.numpy()[0] for name, output_1CHW in module.forward_all(*inputs).items()}
    height, width, _ = image_HWC.shape
    pictures = [_picture(output_CHW, _colours(net), (height, width)) for output_CHW in found.values()]
    _save(folder / "output.png", np.concatenate(pictures))
    what = " and ".join(_described(name, output, len(found) > 1) for name, output in found.items())
    how = "weights are random, not trained" if net.is_random else f"weights: {net.facts['weights']}"
    zero = [f"{channels - 3} channels of the image"] if channels > 3 else []
    zero += list(module.archdsl_graph.inputs)[1:]
    without = f"; 0 for {', '.join(zero)}" if zero else ""
    _say(folder, "output.png", f"{what}; {how}{without}")


def _picture(
    output_CHW: NDArray[np.floating], colours: Sequence[tuple[int, int, int]], size: tuple[int, int]
) -> NDArray[np.uint8]:
    """A picture of an output: the colour of the largest channel at each pixel, or grey values for one
    channel.
    """
    import numpy as np
    from PIL import Image

    from archdsl.train.overlay import grey

    if len(output_CHW) == 1:
        drawn = grey(output_CHW[0]).convert("RGB")
    else:
        drawn = Image.fromarray(_painted(output_CHW.argmax(0), colours))
    return np.asarray(drawn.resize(size[::-1], Image.Resampling.NEAREST))


def _described(name: str, output_CHW: NDArray[np.floating], named: bool) -> str:
    size = shape(output_CHW.shape)
    found = f"the {size} values in grey" if len(output_CHW) == 1 else f"the argmax of {size} logits"
    return f"`{name}`, {found}" if named else found


def _settle(module: CompiledNetwork, inputs: Sequence[torch.Tensor]) -> None:
    """Sets the running statistics of batch normalizations from one image, for a network with random weights.

    With the initial statistics, the output of a deep network with random weights hardly depends on its input.
    The flipped image is a second sample, needed for the variance of 1 × 1 maps.
    """
    import torch

    norms = [m for m in module.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.train().momentum = 1.0
    module(*(torch.cat([x, x.flip(-1)]) for x in inputs))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.eval().momentum = momentum


def _write_onnx(net: Filled, folder: Path) -> None:
    """Exports the network to ONNX, and compares onnxruntime with PyTorch at the declared input size."""
    from archdsl.backends.onnx_file import deviation
    from archdsl.train.exporting import write

    path = folder / "network.onnx"
    write(net, path, "onnx", verify=False)
    share = deviation(path, net.module, [list(net.module.archdsl_graph.inputs.values())])
    _say(folder, "network.onnx", f"onnxruntime agrees with PyTorch to {share:.1e} of the largest logit")


def _image(picture: Path | None, height: int, width: int) -> NDArray[np.uint8]:
    import numpy as np

    from archdsl.data.scene.street import draw

    if picture is None:
        return draw(height, width, np.random.default_rng(0))[0]
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(picture) as opened:
            return np.asarray(opened.convert("RGB").resize((width, height), Image.Resampling.BILINEAR))
    except UnidentifiedImageError:
        raise click.UsageError(f"cannot read {picture} as an image") from None


def _colours(net: Filled) -> Sequence[tuple[int, int, int]]:
    """The colours of classes from the metadata of the weights, otherwise those of Cityscapes, repeated."""
    from archdsl.data.cityscapes import COLOURS
    from archdsl.train.weights import classes_of

    return classes_of(net.facts)[1] or COLOURS


def _painted(classes_HW: NDArray[np.integer], colours: Sequence[tuple[int, int, int]]) -> NDArray[np.uint8]:
    import numpy as np

    return np.take(np.asarray(colours, np.uint8), classes_HW % len(colours), axis=0)


def _normalized(image_HWC: NDArray[np.uint8], channels: int) -> NDArray[np.float32]:
    """An image as the input of a network, normalized as in training, of shape (3, height, width).

    The shape is (1, height, width), in grey, for a network with fewer than three channels.
    """
    import numpy as np
    from PIL import Image

    from archdsl.data.channels import mean_and_deviation

    if channels < 3:
        image_HWC = np.asarray(Image.fromarray(image_HWC).convert("L"))[..., None]
    mean, deviation = map(np.array, mean_and_deviation(image_HWC.shape[2]))
    scaled = (image_HWC / 255 - mean) / deviation
    return np.ascontiguousarray(scaled.transpose(2, 0, 1), dtype=np.float32)


def _save(path: Path, image_HWC: NDArray[np.uint8]) -> None:
    from PIL import Image

    from archdsl.report.pictures import png

    atomic.write_bytes(path, png(Image.fromarray(image_HWC)))
