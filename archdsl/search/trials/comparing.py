"""Compares searches by trials with equal objectives: fronts, hypervolumes, and shares of the joint front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from archdsl.diagnostics import Diagnostic, Label, Location, Source, SpecError
from archdsl.report.clouds import Series, clouds
from archdsl.report.run import manifest_of, strategy_of
from archdsl.search.trials.front import Values, bounds, hypervolume, nondominated, scaled
from archdsl.search.trials.history import Goal, History, best_so_far, demand_history
from archdsl.search.trials.pictures import MOST_GOALS, front_picture, label_of, shown, stairs


@dataclass(frozen=True)
class Compared:
    """A run of a search by trials, and its measures in a comparison with other runs.

    `volume` is the normalized hypervolume: the fraction of the box between the best and the worst values of
    all runs that the front of this run dominates (None for more than three objectives). `joint` is the number
    of its networks that no network of any run dominates.
    """

    name: str
    history: History
    volume: float | None
    joint: int


def compare(histories: Mapping[str, History]) -> list[Compared]:
    """Compares runs with equal objectives, given by name; the result has the same order."""
    values = {name: list(map(one.lower, one.front)) for name, one in histories.items()}
    every = [one.lower(trial) for one in histories.values() for trial in one.scored]
    low, high = bounds(every) if every else ((), ())
    owners = [name for name, front in values.items() for _ in front]
    joint = nondominated(one for front in values.values() for one in front)
    counts = {name: sum(owners[n] == name for n in joint) for name in histories}
    return [
        Compared(name, one, _volume(values[name], low, high), counts[name]) for name, one in histories.items()
    ]


def _volume(front: Sequence[Values], low: Values, high: Values) -> float | None:
    if len(low) > MOST_GOALS:
        return None
    return hypervolume([scaled(one, low, high) for one in front], (1.0,) * len(low)) if front else 0.0


def picture(histories: Mapping[str, History], goals: Sequence[Goal]) -> str:
    """A chart of the fronts of runs as SVG; for one objective, of the best values so far by trial."""
    if len(goals) > 1:
        rows = [shown(name, one, colour=n, dashed=n >= 6) for n, (name, one) in enumerate(histories.items())]
        return front_picture(rows, goals, "Pareto fronts")
    lines = [
        Series(name, line=stairs(list(best_so_far(one)), len(one.trials)), colour=n, dashed=n >= 6)
        for n, (name, one) in enumerate(histories.items())
    ]
    y_label = label_of(goals[0])
    return clouds(lines, title=f"Best so far: {goals[0]}", x_label="trial", y_label=y_label, counted_x=True)


def histories_of(folders: Sequence[Path]) -> dict[str, History]:
    """Reads the trials of runs, by folder; a folder of several seeds is expanded to its runs.

    Raises SpecError: ARCH911 for a folder without a run, ARCH868 for a run of another kind, ARCH869 if the
    objectives of two runs differ.
    """
    found: dict[str, History] = {}
    for folder in folders:
        for path in seeds_in(folder) or [folder]:
            manifest, journal = manifest_of(path), path / "journal.jsonl"
            by_trials = manifest.format == "archdsl/search-run" and strategy_of(manifest) != "differentiable"
            if not (by_trials and journal.exists()):
                headline = f"{path} is not a search by trials"
                help = "`archdsl runs` lists the runs of a folder, with their strategies"
                raise SpecError([Diagnostic("ARCH868", headline, help=help)])
            found[str(path)] = demand_history(journal)
    _demand_same_goals(found)
    return found


def seeds_in(folder: Path) -> list[Path]:
    """The folders of the runs in a folder of several seeds; empty if the folder is itself a run."""
    if (folder / "manifest.json").exists():
        return []
    found = [path.parent for path in folder.glob("seed-*/manifest.json")]
    return sorted(found, key=lambda path: (len(path.name), path.name))


def _demand_same_goals(histories: Mapping[str, History]) -> None:
    first, *others = histories.items()
    for name, history in others:
        if history.goals == first[1].goals:
            continue
        headline = f"{name} and {first[0]} have different objectives"
        goals, before = (", ".join(map(str, one.goals)) for one in (history, first[1]))
        here, there = _place(Path(name), history.goals), _place(Path(first[0]), first[1].goals)
        primary, secondary = Label(here, goals) if here else None, (Label(there, before),) if there else ()
        help = (
            f"{name}: {goals}; {first[0]}: {before}. Compare runs with the same objectives in the same order"
        )
        raise SpecError([Diagnostic("ARCH869", headline, primary, secondary=secondary, help=help)])


def _place(folder: Path, goals: Sequence[Goal]) -> Location | None:
    """The location of the first objective in the copy of the spec in a run folder; None if not found."""
    text = manifest_of(folder).spec
    start = text.find(str(goals[0]))
    if start < 0:
        return None
    copies = [p for p in sorted(folder.glob("*.arch")) if _text(p) == text]
    name = str(copies[0]) if copies else str(folder / "manifest.json")
    return Location(Source(name, text), start, start + len(str(goals[0])))


def _text(path: Path) -> str | None:
    from archdsl.lang.source_files import read

    try:
        return read(path, str(path)).text
    except (OSError, SpecError):
        return None
