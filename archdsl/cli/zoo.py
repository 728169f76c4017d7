"""`archdsl zoo`: lists the shipped networks of papers, with costs and published accuracy."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from archdsl import atomic
from archdsl.cli.outputs import Output, demand_free, overwrite_option
from archdsl.diagnostics import closest
from archdsl.program import Network, load
from archdsl.resources import specs_folder

_EPILOG = """\b
Examples:
  archdsl zoo                        all networks, a row each
  archdsl zoo enet fast_scnn         these, with sources and all published figures
  archdsl zoo -o zoo.html            a page with a picture of each
  archdsl cost zoo/enet              its layers; `zoo/NAME` is a spec for every command
"""


@dataclass(frozen=True)
class Accuracy:
    """A published mIoU in percent, on a split of a dataset; `note` names the initial weights."""

    data: str
    split: str
    miou: float
    size: str = ""
    note: str = ""

    def __str__(self) -> str:
        notes = ", ".join(note for note in (self.size, self.note) if note)
        return f"{self.miou:.1f} {self.data} {self.split}" + (f" ({notes})" if notes else "")


@dataclass(frozen=True)
class Entry:
    """A network of the zoo: its source, what was compared with public code, and published accuracies."""

    name: str
    title: str
    year: int
    paper: str
    code: str
    verified: str
    accuracy: tuple[Accuracy, ...]

    @property
    def path(self) -> Path:
        return folder() / f"{self.name}.arch"

    def network(self) -> Network:
        """The network at the input and with the classes that its spec declares."""
        return load(self.path).network()


def folder() -> Path:
    """The folder of the shipped specs of the zoo."""
    return specs_folder() / "zoo"


def entries() -> dict[str, Entry]:
    """The networks of the zoo by name, oldest first."""
    listed = tomllib.loads((folder() / "zoo.toml").read_text("utf-8"))
    found = [
        Entry(name=name, **{**row, "accuracy": tuple(Accuracy(**figure) for figure in row["accuracy"])})
        for name, row in listed.items()
    ]
    return {entry.name: entry for entry in sorted(found, key=lambda entry: (entry.year, entry.name))}


@click.command(epilog=_EPILOG)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.html",
    help="Write an HTML page with a picture of each network.",
)  # fmt: skip
@overwrite_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def zoo(names: tuple[str, ...], output: Path | None, overwrite: bool, as_json: bool) -> None:
    """List the shipped networks of other papers: parameters, MACs, published accuracy.

    Costs are those of inference at the input that the spec declares. Accuracies are those of the papers,
    which differ in size of images, pre-training and split; these are listed beside each figure.
    """
    chosen = _chosen(names)
    if output is not None:
        demand_free([Output(output, "html")], [entry.path for entry in chosen], overwrite)
    found = [(entry, entry.network()) for entry in chosen]
    if output is not None:
        atomic.write_text(output, _page(found))
        click.echo(f"wrote {output}", err=True)
    elif as_json:
        from archdsl.render.json import text_of

        click.echo(text_of({"format": "archdsl/zoo", "networks": [_plain(*one) for one in found]}))
    else:
        click.echo(_details(found) if names else _listed(found), nl=False)


def _chosen(names: Sequence[str]) -> list[Entry]:
    known = entries()
    for name in names:
        if name not in known:
            meant = closest(name, list(known))
            hint = f"did you mean `{meant}`?" if meant else f"available: {', '.join(known)}"
            raise click.UsageError(f"no network `{name}` in the zoo; {hint}")
    return [known[name] for name in names or known]


def _plain(entry: Entry, network: Network) -> dict[str, Any]:
    return {
        **asdict(entry),
        "spec": f"zoo/{entry.name}",
        "input": list(next(iter(network.graph.inputs.values()))),
        "parameters": network.params,
        "macs": network.macs,
    }


_HEAD = ("name", "year", "parameters", "MACs", "input", "published mIoU", "compared")


def _row(entry: Entry, network: Network) -> tuple[str, ...]:
    from archdsl.backends.diagram.numbers import amount
    from archdsl.report.numbers import shape

    best = str(entry.accuracy[0]) if entry.accuracy else "-"
    size = shape(next(iter(network.graph.inputs.values())))
    return (
        entry.name, str(entry.year), f"{network.params:,}", amount(network.macs), size, best,
        entry.verified or "no",
    )  # fmt: skip


def _listed(found: Sequence[tuple[Entry, Network]]) -> str:
    from archdsl.report.text_tables import table

    return table(_HEAD, [_row(*one) for one in found], numeric=(2, 3))


def _details(found: Sequence[tuple[Entry, Network]]) -> str:
    from archdsl.backends.diagram.numbers import amount

    texts = []
    for entry, network in found:
        figures = [f"  mIoU        {figure}" for figure in entry.accuracy]
        lines = [
            f"{entry.title} ({entry.year})",
            f"  spec        zoo/{entry.name}",
            f"  paper       {entry.paper}",
            f"  code        {entry.code}",
            f"  compared    {entry.verified or 'no: written from paper and code'}",
            f"  parameters  {network.params:,}",
            f"  MACs        {amount(network.macs)}",
        ]
        texts.append("\n".join([*lines, *figures]) + "\n")
    return "\n".join(texts)


def _page(found: Sequence[tuple[Entry, Network]]) -> str:
    from archdsl.cli.viz import rendered
    from archdsl.report.sheet import Part, scrolled, section, sheet, table

    rows = [(entry.title, *_row(entry, network)[1:]) for entry, network in found]
    parts = [section("Networks", head=_HEAD, rows=rows)]
    for entry, network in found:
        text = f"{entry.paper}; {entry.code}. Spec: zoo/{entry.name}."
        figures = table(("published mIoU",), [(str(figure),) for figure in entry.accuracy])
        drawing = rendered(network.with_train_outputs().graph, None, ".svg").decode()
        picture = scrolled(drawing[drawing.index("<svg") :])
        parts.append(
            Part(f"{entry.title} ({entry.year})", (figures if entry.accuracy else "") + picture, text)
        )
    lead = ["Networks of other papers, written in archdsl. Costs are those of inference, per image."]
    return sheet("Zoo", lead, parts)
