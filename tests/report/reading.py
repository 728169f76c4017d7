"""Pages read back."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert('&\"')</script>\x1b"
_VOID = {"meta", "img"}


def pictures(page: str) -> list[ET.Element]:
    """The pictures of a page; raises ParseError where one is not well-formed."""
    return [ET.fromstring(found) for found in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]


def picture(page: str, title: str) -> ET.Element:
    return next(found for found in pictures(page) if found.findtext(f"{SVG}title") == title)


def words(element: ET.Element) -> list[str]:
    return [found.text or "" for found in element.iter(f"{SVG}text")]


class Tags(HTMLParser):
    """The tags of a page; `open` are those that were not closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.open: list[str] = []
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()
