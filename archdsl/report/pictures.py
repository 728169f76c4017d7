"""Predictions beside ground truth, as inline images."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archdsl.render.svg import escaped

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class OutputPictures:
    """The ground truth and the prediction of an output, as PNG files.

    `output` is the name of the output, or "" if the network has only one; `note` is appended to the caption
    of the prediction.
    """

    truth: bytes
    predicted: bytes
    output: str = ""
    note: str = ""
    of_classes: bool = True


Prediction = tuple[str, bytes, Sequence[OutputPictures]]
"""The name of an image, the image as a PNG file, and the ground truth and prediction of each output."""
Legend = Sequence[tuple[str, tuple[int, int, int]]]
"""Classes and their colours (red, green, blue, 0 to 255)."""


def predictions_html(predictions: Iterable[Prediction], legend: Legend) -> str:
    """A legend and rows of pictures as HTML; "" without predictions.

    A row shows an image, the ground truth and the prediction of the first output; rows below show those of
    the other outputs.
    """
    rows = "".join(_row(*prediction) for prediction in predictions)
    return f'{_legend(legend)}<div class="seen">{rows}</div>\n' if rows else ""


def _row(name: str, image: bytes, outputs: Sequence[OutputPictures]) -> str:
    pictures = ""
    for n, one in enumerate(outputs):
        of, kind = f"{one.output}: " if one.output else "", "classes" if one.of_classes else ""
        pictures += "<div></div>\n" if n else _picture(name, "image", image)
        pictures += _picture(name, f"{of}ground truth", one.truth, kind)
        pictures += _picture(name, f"{of}prediction{one.note}", one.predicted, kind)
    return f"<h3>{escaped(name)}</h3>\n{pictures}"


def _picture(name: str, what: str, png: bytes, kind: str = "") -> str:
    alt = escaped(f"{name}: {what}")
    return f'<div><img class="{kind}" alt="{alt}" src="{_inline(png)}">{escaped(what)}</div>\n'


def _inline(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def _legend(legend: Legend) -> str:
    items = "".join(
        f'<li><i style="background:rgb({red},{green},{blue})"></i>{escaped(name)}</li>'
        for name, (red, green, blue) in legend
    )
    return f'<ul class="legend">{items}</ul>\n' if items else ""


def png(picture: Image, software: str = "archdsl") -> bytes:
    """An image as the bytes of a PNG file with the name of the software that wrote it."""
    from PIL.PngImagePlugin import PngInfo

    metadata = PngInfo()
    metadata.add_text("Software", software)
    data = io.BytesIO()
    picture.save(data, "PNG", pnginfo=metadata)
    return data.getvalue()
