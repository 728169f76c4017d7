"""Overrides clauses of a search: generates the text of a spec with other clauses.

A run always executes a spec: the folder of the run has the text that was executed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from archdsl.configs.evaluators import EVALUATORS
from archdsl.configs.strategies import StrategyKind
from archdsl.configs.words import STRATEGIES
from archdsl.diagnostics import SpecError
from archdsl.lang import ast
from archdsl.lang.parser import parse
from archdsl.program import Program, load
from archdsl.search.terms import cannot
from archdsl.search.trials.config import clauses_read


@dataclass(frozen=True)
class Rewritten:
    """Clauses as texts: a strategy, an evaluator, objectives with their directions, requirements.

    Objectives replace all of the search's, requirements are added to them.
    """

    strategy: str | None = None
    evaluate: str | None = None
    objectives: tuple[tuple[str, str], ...] = ()
    requirements: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any((self._settings(), self.objectives, self.requirements))

    def plain(self) -> dict[str, Any]:
        """The clauses as JSON values."""
        return {
            "strategy": self.strategy, "evaluate": self.evaluate,
            "objectives": [list(one) for one in self.objectives], "requirements": list(self.requirements),
        }  # fmt: skip

    @classmethod
    def of(cls, plain: Mapping[str, Any] | None) -> Rewritten:
        """Clauses from a manifest."""
        if plain is None:
            return cls()
        objectives = tuple((str(direction), str(text)) for direction, text in plain["objectives"])
        requirements = tuple(map(str, plain["requirements"]))
        return cls(plain["strategy"], plain["evaluate"], objectives, requirements)

    def lines(self) -> list[str]:
        """The clauses, one per line. Raises SpecError (ARCH606) for a text that is not a single clause."""
        found = [f"{key} = {text}" for key, text in self._settings()]
        found += [f"{direction} {text}" for direction, text in self.objectives]
        found += [f"require {text}" for text in self.requirements]
        for line in found:
            _demand_one_clause(line)
        return found

    def _settings(self) -> list[tuple[str, str]]:
        both = (("strategy", self.strategy), ("evaluate", self.evaluate))
        return [(key, text) for key, text in both if text is not None]


def rewritten(program: Program, name: str | None, clauses: Rewritten) -> tuple[Program, str]:
    """The program with overridden clauses of a search, and the name of the search.

    A file without a search gets one, of its last space. Clauses of differentiable searches are dropped for
    other strategies. Raises SpecError.
    """
    source = program.unit.source
    lines = clauses.lines()
    if not program.searches and name is None:
        space = list(program.spaces)
        if not space:
            raise cannot(f"{program.unit.path.name} declares no space to search", "space Name { … }")
        called = "Search" if "Search" not in program.unit.declared else "Searched"
        text = f"{source.text.rstrip()}\n\n{_block(f'search {called} for {space[-1]}', lines)}\n"
        return _loaded(program, text), called
    declared: ast.Search = program._one(name, program.searches, "search")
    start, end = declared.span
    head = source.text[start : declared.space.span[1]]
    read = _read_by(clauses, declared)
    kept = [source.text[c.span[0] : c.span[1]] for c in declared.clauses if _stays(c, clauses, read)]
    text = source.text[:start] + _block(head, [*lines, *kept]) + source.text[end:]
    return _loaded(program, text), declared.name.id


def _loaded(program: Program, text: str) -> Program:
    return load(program.unit.path, text=text)


def _block(head: str, lines: list[str]) -> str:
    return "\n".join([f"{head} {{", *(f"  {line}" for line in lines), "}"])


def _read_by(by: Rewritten, declared: ast.Search) -> tuple[str, ...]:
    """The clauses that a search by trials supports: data only if its evaluator trains."""
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


def _demand_one_clause(line: str) -> None:
    """Raises SpecError (ARCH606) unless the text is exactly one clause, so that it cannot add others."""
    try:
        file = parse_clause(line)
    except SpecError as error:
        raise cannot(f"`{line}` is not a clause of a search", error.diagnostics[0].headline) from None
    if len(file) != 1:
        raise cannot(f"`{line}` is {len(file)} clauses of a search", "write one")


def parse_clause(line: str) -> tuple[ast.Clause, ...]:
    """The clauses of a text."""
    from archdsl.diagnostics import Source

    found = parse(Source("clause", f"arch 1\nsearch S for T {{\n{line}\n}}\n"))
    (search,) = [item for item in found.items if isinstance(item, ast.Search)]
    if len(found.items) != 1:
        raise cannot(f"`{line}` is not a clause of a search", "write one clause per line")
    return search.clauses
