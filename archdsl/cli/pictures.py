"""Pictures as the bytes of files, so that they are written as every other file is."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image


def png(picture: Image) -> bytes:
    """A picture as the bytes of a PNG file."""
    data = io.BytesIO()
    picture.save(data, "PNG")
    return data.getvalue()
