"""Predictions beside ground truth, as inline images."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from archdsl.render.svg import escaped

if TYPE_CHECKING:
    from PIL.Image import Image

Prediction = tuple[str, bytes, bytes, bytes]
"""A name, and PNG files: the image, the truth, and what was predicted."""
Legend = Sequence[tuple[str, tuple[int, int, int]]]
"""Classes and their colours (red, green, blue, 0 to 255)."""


def predictions_html(predictions: Iterable[Prediction], legend: Legend) -> str:
    """Three images in a row for each prediction, below the legend; empty without predictions."""
    rows = "".join(_row(*prediction) for prediction in predictions)
    return f'{_legend(legend)}<div class="seen">{rows}</div>\n' if rows else ""


def _row(name: str, image: bytes, truth: bytes, predicted: bytes) -> str:
    pictures = (
        _picture(name, "image", image),
        _picture(name, "ground truth", truth, "classes"),
        _picture(name, "prediction", predicted, "classes"),
    )
    return f"<h3>{escaped(name)}</h3>\n{''.join(pictures)}"


def _picture(name: str, what: str, png: bytes, kind: str = "") -> str:
    return f'<div><img class="{kind}" alt="{escaped(f"{name}: {what}")}" src="{_inline(png)}">{what}</div>\n'


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
