"""Evaluates assignments: to names, to entries of families (`x[1] = …`), and to several names at once."""

from __future__ import annotations

from archdsl.diagnostics import Label
from archdsl.ir import Expr
from archdsl.lang import ast
from archdsl.spec.evaluate import sets
from archdsl.spec.evaluate.evaluator import Evaluator
from archdsl.spec.evaluate.frame import Frame, Target
from archdsl.spec.evaluate.values import Family, Key, ListValue, Poison, SpecValue, Undefined, kind_of

_IN_STAGE = "all iterations share entries: use a subscript that depends on the iteration, or a cell"


def assign(ev: Evaluator, statement: ast.Assign, frame: Frame, counts: dict[str, int]) -> None:
    targets = statement.targets
    keys = [subscripts_of(ev, target, frame) for target in targets]
    _name_statement(statement, keys[0], frame, counts)
    frame.sites = ev.sites(statement.value)
    start = len(ev.builder.nodes)
    with ev.reading() as sizes:
        value = ev.evaluate(statement.value, frame)
    if frame.sites.choices and isinstance(value, (bool, int, float, str)):
        _note_made(ev, value, frame)
    values = [value] if len(targets) == 1 else _unpacked(value, statement, frame)
    for target, key, item in zip(targets, keys, values, strict=True):
        _define(ev, target, key, item, frame)
        frame.sized[target_of(target, key)] = tuple(sizes)
        frame.written[target_of(target, key)] = (start, len(ev.builder.nodes))


def _note_made(ev: Evaluator, value: SpecValue, frame: Frame) -> None:
    """Records the outcome of a choice that is constant, as in `stride = one of {1, 2} if i <= 5 else 1`."""
    path = frame.decision_path("")
    if "" in frame.sites.choices.values() and path not in ev.builder.decisions:
        ev.builder.made[path] = sets.text_of(value)


def subscripts_of(ev: Evaluator, target: ast.Expr, frame: Frame) -> Key | None:
    """The evaluated subscripts of an indexed target; None for a plain name."""
    if isinstance(target, ast.Name):
        return None
    if not isinstance(target, ast.Index) or not isinstance(target.base, ast.Name):
        raise frame.error(
            "ARCH216",
            "the target of an assignment must be a name or an indexed name",
            target,
            help="write NAME = … or NAME[i] = …; attributes of tensors and records cannot be set",
        )
    key: list[int | float | str] = []
    for subscript in target.subscripts:
        value = ev.evaluate(subscript, frame)
        if type(value) is int:
            key.append(value)
            continue
        if isinstance(value, Expr):
            raise frame.error(
                "ARCH217",
                "the subscript of an assigned entry cannot depend on decisions",
                subscript,
            )
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise frame.error("ARCH207", f"expected a number as subscript, got {kind_of(value)}", subscript)
        key.append(value)
    return tuple(key)


def _name_statement(statement: ast.Assign, key: Key | None, frame: Frame, counts: dict[str, int]) -> None:
    """Sets the path prefixes of the choices and nodes of a statement (see docs: decision paths)."""
    target = statement.targets[0]
    if key is None:
        assert isinstance(target, ast.Name)
        counts[target.id] = counts.get(target.id, 0) + 1
        name = target.id if counts[target.id] == 1 else f"{target.id}_{counts[target.id]}"
        frame.decision_name = frame.node_name = name
        return
    assert isinstance(target, ast.Index)
    assert isinstance(target.base, ast.Name)
    family = target.base.id
    full = f"{family}[{', '.join(map(str, key))}]"
    names = tuple(s.id if isinstance(s, ast.Name) else None for s in target.subscripts)
    frame.node_name = family if frame.binders and names == frame.binders else full
    if not frame.binders:
        frame.decision_name = full
    elif _is_application(statement.value):
        frame.decision_name = ""  # the iteration already identifies it
    else:
        frame.decision_name = family


def _is_application(value: ast.Expr) -> bool:
    if isinstance(value, ast.Conditional):
        return _is_application(value.then) and _is_application(value.otherwise)
    return isinstance(value, (ast.Call, ast.Once))


def _unpacked(value: SpecValue, statement: ast.Assign, frame: Frame) -> list[SpecValue]:
    wanted = len(statement.targets)
    if isinstance(value, Undefined):
        return [value] * wanted
    if not isinstance(value, ListValue):
        raise frame.error("ARCH219", f"cannot unpack {kind_of(value)} into {wanted} names", statement)
    if len(value.items) != wanted:
        raise frame.error(
            "ARCH219", f"cannot unpack {len(value.items)} values into {wanted} names", statement
        )
    return list(value.items)


def name_of(target: ast.Expr) -> str:
    """The name that is assigned, without subscripts."""
    if isinstance(target, ast.Index):
        target = target.base
    assert isinstance(target, ast.Name)
    return target.id


def _define(ev: Evaluator, target: ast.Expr, key: Key | None, value: SpecValue, frame: Frame) -> None:
    """Assigns a value to a target with these subscripts."""
    if key is None:
        if isinstance(value, Family):
            value = Family(name_of(target), dict(value.entries))
        frame.names[name_of(target)] = value
        return
    name = name_of(target)
    family = frame.names.get(name)
    if family is None:
        family = frame.names[name] = Family(name)
    if isinstance(family, Poison):
        return
    if not isinstance(family, Family):
        raise frame.error(
            "ARCH207",
            f"cannot assign to an entry of `{name}`, which is {kind_of(family)}",
            target,
            help="a name has a value or entries; choose another name for the entries",
        )
    if key in family.entries:
        text = f"{name}[{', '.join(map(str, key))}]"
        first = ev.defined_at.get((id(family), key))
        raise frame.error(
            "ARCH203",
            f"`{text}` is defined twice",
            target,
            help=_IN_STAGE if frame.binders else "an entry is defined once: choose another name or subscript",
            secondary=(Label(first, "first defined here"),) if first else (),
        )
    family.entries[key] = value
    ev.defined_at[(id(family), key)] = frame.location(target)


def target_of(target: ast.Expr, key: Key | None) -> Target:
    """The key of an assignment in `Frame.sized` and `Frame.written`."""
    return name_of(target) if key is None else (name_of(target), key)
