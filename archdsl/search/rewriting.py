"""Overrides clauses of a search by generating the text of a spec with other clauses.

So a run always executes a spec, and the run folder has the text that was executed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from archdsl.configs.evaluators import EVALUATORS
from archdsl.configs.strategies import StrategyKind
from archdsl.configs.words import STRATEGIES
from archdsl.diagnostics import Location, Source, SpecError
from archdsl.lang import ast
from archdsl.lang.parser import parse
from archdsl.program import Program
from archdsl.search.excerpts import Excerpt, Joined
from archdsl.search.terms import cannot
from archdsl.search.trials.config import clauses_read


@dataclass(frozen=True)
class Rewritten:
    """Clauses as text that override those of a search: strategy, evaluator, objectives and requirements.

    Objectives, as (direction, text), replace all objectives of the search; requirements are added to its own.
    """

    strategy: str | None = None
    evaluate: str | None = None
    objectives: tuple[tuple[str, str], ...] = ()
    requirements: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any((self._settings(), self.objectives, self.requirements))

    def plain(self) -> dict[str, Any]:
        """The clauses as JSON values for the manifest."""
        return {
            "strategy": self.strategy, "evaluate": self.evaluate,
            "objectives": [list(one) for one in self.objectives], "requirements": list(self.requirements),
        }  # fmt: skip

    @classmethod
    def of(cls, plain: Mapping[str, Any] | None) -> Rewritten:
        """The clauses from the values in a manifest; no clauses for None."""
        if plain is None:
            return cls()
        objectives = tuple((str(direction), str(text)) for direction, text in plain["objectives"])
        requirements = tuple(map(str, plain["requirements"]))
        return cls(plain["strategy"], plain["evaluate"], objectives, requirements)

    def written(self) -> list[tuple[str, Excerpt]]:
        """The clauses as (head, text), such as ("strategy =", …).

        Raises SpecError (ARCH606) for a text that is not a single clause.
        """
        found = [(key, f"{key} =", text) for key, text in self._settings()]
        found += [(direction, direction, text) for direction, text in self.objectives]
        found += [("require", "require", text) for text in self.requirements]
        for name, head, text in found:
            _demand_one_clause(name, head, text)
        return [(head, Excerpt(text, Source(f"<{name}>", text))) for name, head, text in found]

    def _settings(self) -> list[tuple[str, str]]:
        both = (("strategy", self.strategy), ("evaluate", self.evaluate))
        return [(key, text) for key, text in both if text is not None]


def rewritten(program: Program, name: str | None, clauses: Rewritten) -> tuple[Joined, str]:
    """The text of a program in which clauses of a search are overridden, and the name of the search.

    A search of the last space is added to a file without a search. If the strategy is overridden by one that
    proposes individual networks, clauses of differentiable searches are dropped. Raises SpecError for invalid
    clauses.
    """
    source = program.unit.source
    written = clauses.written()
    called = "Search" if "Search" not in program.unit.declared else "Searched"
    if not program.searches and name in (None, called):  # its name, in a run that is resumed
        space = list(program.spaces)
        if not space:
            raise cannot(f"{program.unit.path.name} declares no space to search", "space Name { … }")
        file = Excerpt.of(source, 0, len(source.text.rstrip()))
        head = Excerpt(f"search {called} for {space[-1]}")
        return Joined([file, Excerpt("\n\n"), head, *_block(written, []), Excerpt("\n")]), called
    declared: ast.Search = program._one(name, program.searches, "search")
    read = _read_by(clauses, declared)
    kept = [Excerpt.of(source, *c.span) for c in declared.clauses if _stays(c, clauses, read)]
    head = Excerpt.of(source, 0, declared.space.span[1])
    tail = Excerpt.of(source, declared.span[1], len(source.text))
    return Joined([head, *_block(written, kept), tail]), declared.name.id


def _block(written: list[tuple[str, Excerpt]], kept: list[Excerpt]) -> Iterator[Excerpt]:
    yield Excerpt(" {\n")
    for head, text in written:
        yield from (Excerpt(f"  {head} "), text, Excerpt("\n"))
    for one in kept:
        yield from (Excerpt("  "), one, Excerpt("\n"))
    yield Excerpt("}")


def _read_by(by: Rewritten, declared: ast.Search) -> tuple[str, ...]:
    """The names of the clauses that a search by trials supports with the evaluator in `by`, else with that of
    the search as declared.
    """
    written = [c.value for c in declared.clauses if isinstance(c, ast.Assign) and _target(c) == "evaluate"]
    names = [v.fn if isinstance(v, ast.Call) else v for v in written]
    name = _head(by.evaluate) or next((n.id for n in names if isinstance(n, ast.Name)), "costs")
    return clauses_read(EVALUATORS.get(name))


def _stays(clause: ast.Clause, by: Rewritten, read: tuple[str, ...]) -> bool:
    by_trials = isinstance(STRATEGIES.get(_head(by.strategy)), StrategyKind)
    if isinstance(clause, ast.Goal):
        return not by.objectives
    if isinstance(clause, ast.Require):
        return True
    if isinstance(clause, ast.Assign):
        replaced = {key for key, _ in by._settings()}
        return _target(clause) not in replaced and (not by_trials or _target(clause) in read)
    return not by_trials


def _target(clause: ast.Assign) -> str:
    target = clause.targets[0]
    return target.id if isinstance(target, ast.Name) else ""


def _head(clause: str | None) -> str:
    """The name of a term: `evolution` of `evolution(population = 20)`."""
    return (clause or "").split("(")[0].strip()


def _demand_one_clause(name: str, head: str, text: str) -> None:
    """Raises SpecError (ARCH606) unless the text is exactly one clause, so that it cannot add others."""
    before = f"arch 1\nsearch S for T {{\n{head} "
    line, place = f"{head} {text}", Source(f"<{name}>", text)
    try:
        found = parse(Source("clause", f"{before}{text}\n}}\n"))
    except SpecError as error:
        first = error.diagnostics[0]
        at = (first.primary.location.start if first.primary else len(before)) - len(before)
        why = "the clause is incomplete" if at >= len(text.rstrip()) else first.headline
        here = Location(place, min(max(at, 0), len(text.rstrip())), len(text))
        raise cannot(f"`{line}` is not a clause of a search", why, here) from None
    clauses = [item.clauses for item in found.items if isinstance(item, ast.Search)]
    whole = Location(place, 0, len(text))
    if len(found.items) != 1:
        raise cannot(f"`{line}` is not a clause of a search", "write one clause per line", whole)
    if len(clauses[0]) != 1:
        raise cannot(f"`{line}` is {len(clauses[0])} clauses of a search", "write one", whole)
