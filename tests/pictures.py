"""Pictures that tests look at."""

from pathlib import Path

from PIL import Image


def picture(path: str | Path) -> Image.Image:
    """A picture that is read, its file closed."""
    with Image.open(path) as opened:
        opened.load()
        return opened.copy()
