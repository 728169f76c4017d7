"""Builds the HTML pages of reports: parts, tables, figures and key figures, with light and dark mode.

A page is self-contained and has no scripts. Text arguments are escaped; arguments named `body` or `chart` are
HTML or SVG and inserted unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from archdsl.render.svg import escaped
from archdsl.report.style import style


@dataclass(frozen=True)
class Part:
    """A part of a page: heading, introductory text, and `body`, HTML made by the functions below."""

    heading: str
    body: str
    text: str = ""


def sheet(title: str, lead: Sequence[str], parts: Iterable[Part]) -> str:
    """The page as HTML: title, subtitle lines (`lead`), links to the parts, parts that have a body."""
    parts = [part for part in parts if part.body]
    links = "".join(f'<a href="#part-{n}">{escaped(part.heading)}</a>' for n, part in enumerate(parts) if n)
    body = "".join(_part(n, part) for n, part in enumerate(parts))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="generator" content="archdsl">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="light dark">\n<title>{escaped(title)}</title>\n'
        f"<style>{style()}</style>\n</head>\n<body>\n<header>\n<h1>{escaped(title)}</h1>\n"
        f"{''.join(paragraph(text) for text in lead)}<nav>{links}</nav>\n</header>\n<main>\n{body}</main>\n"
        "</body>\n</html>\n"
    )


def _part(n: int, part: Part) -> str:
    text = paragraph(part.text) if part.text else ""
    heading = escaped(part.heading)
    return f'<section id="part-{n}">\n<h2>{heading}</h2>\n{text}{part.body}</section>\n'


def section(
    heading: str, text: Sequence[str] = (), charts: Iterable[str] = (), head: Sequence[str] = (),
    rows: Iterable[Sequence[str]] = (),
) -> Part:  # fmt: skip
    """A part of a page with paragraphs, charts (SVG) and a table."""
    body = "".join(map(paragraph, text)) + "".join(f"<figure>\n{chart}</figure>\n" for chart in charts)
    return Part(heading, body + (table(head, rows) if head else ""))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as HTML, with a header; cells with numbers are right-aligned."""
    names = "".join(f"<th>{escaped(name)}</th>" for name in head)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>\n" for row in rows)
    return scrolled(f'<table class="rows">\n<tr>{names}</tr>\n{body}</table>\n')


_MARKS_OF_NUMBERS = str.maketrans("", "", ",.-%")


def _cell(text: str) -> str:
    number = text.translate(_MARKS_OF_NUMBERS).isdigit()
    return f'<td class="n">{escaped(text)}</td>' if number else f"<td>{escaped(text)}</td>"


def paragraph(text: str) -> str:
    return f"<p>{escaped(text)}</p>\n"


def cards(figures: Iterable[tuple[str, str, str]]) -> str:
    """Key figures as HTML, from tuples (name, value, remark)."""
    made = (
        f"<div><dt>{escaped(name)}</dt><dd>{escaped(value)}<small>{escaped(note)}</small></dd></div>"
        for name, value, note in figures
    )
    return f'<dl class="cards">{"".join(made)}</dl>\n'


def figure(title: str, chart: str, text: str = "") -> str:
    """A figure as HTML: a chart (SVG) with a title and a caption."""
    words = f"<span>{escaped(text)}</span>" if text else ""
    return f"<figure>\n<figcaption><b>{escaped(title)}</b>{words}</figcaption>\n{chart}</figure>\n"


def grid(figures: Iterable[str], kind: str = "wide") -> str:
    """Figures side by side as HTML: figures of kind "wide" share the width, "narrow" ones keep their own."""
    return f'<div class="{kind}">\n{"".join(figures)}</div>\n'


def scrolled(body: str, kind: str = "") -> str:
    """HTML in a scrollable box that is accessible by keyboard."""
    return f'<div class="{f"scrolled {kind}".strip()}" tabindex="0">{body}</div>\n'


def preformatted(text: str) -> str:
    return f"<pre>{escaped(text)}</pre>\n"


def folded(heading: str, text: str) -> str:
    """A collapsible text as HTML."""
    return f"<details><summary>{escaped(heading)}</summary>{preformatted(text)}</details>\n"


def facts(rows: Mapping[str, str]) -> str:
    """A table of names and values as HTML."""
    made = (f"<tr><th>{escaped(name)}</th><td>{escaped(value)}</td></tr>\n" for name, value in rows.items())
    return f'<table class="facts">\n{"".join(made)}</table>\n'
