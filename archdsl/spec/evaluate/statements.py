"""Evaluates the statements of a space, network, op or cell.

An error aborts only its statement, and marks the names that it defines as poisoned, so that one run reports
all errors of a spec, each once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice, product
from typing import Any

from archdsl import ops
from archdsl.diagnostics import Label, Location, SpecError
from archdsl.ir import Expr, Mux, Node, Requirement
from archdsl.ir.expr import LARGEST, TooLargeError, apply
from archdsl.ir.text.writer import value_text
from archdsl.lang import ast
from archdsl.spec.evaluate import sets, sized
from archdsl.spec.evaluate.builder import Exhausted
from archdsl.spec.evaluate.calls import Trace
from archdsl.spec.evaluate.control import Poisoned
from archdsl.spec.evaluate.evaluator import Evaluator
from archdsl.spec.evaluate.frame import Frame, Target, join
from archdsl.spec.evaluate.kinds import truth
from archdsl.spec.evaluate.values import (
    Family,
    Key,
    ListValue,
    Poison,
    RecordValue,
    SetValue,
    SpecValue,
    Tensor,
    Undefined,
    kind_of,
)

ERROR_BUDGET = 50
"""Maximum number of errors before evaluation stops."""
MISTAKE_BUDGET = 500
"""Maximum number of errors including repeated ones."""
_IN_STAGE = "all iterations share entries: use a subscript that depends on the iteration, or a cell"
STATEMENT_NAMES = {ast.Input: "input", ast.Output: "output", ast.Require: "require", ast.Return: "return"}


def run_block(ev: Evaluator, block: ast.Block, frame: Frame) -> SpecValue | None:
    """Evaluates statements in order; returns the value of `return`, or None."""
    counts: dict[str, int] = {}
    return _run(ev, block.statements, frame, counts)


def _run(
    ev: Evaluator, statements: tuple[ast.Statement, ...], frame: Frame, counts: dict[str, int]
) -> SpecValue | None:
    result = None
    height = ev.height
    for statement in statements:
        ev.height = height
        try:
            value = _RUN[type(statement)](ev, statement, frame, counts)
        except SpecError as error:
            _report(ev, error)
            value = _poison(statement, frame)
        except Poisoned:
            value = _poison(statement, frame)
        except TooLargeError as error:
            _report(ev, frame.error("ARCH211", str(error), statement))
            value = _poison(statement, frame)
        except Exhausted as error:
            at = ast.Every(span=(error.location.start, error.location.end))
            ev.stop(
                replace_location(
                    frame.error("ARCH710", f"a graph with more than {error.budget:,} nodes", at),
                    error.location,
                )
            )
        if value is not None:
            result = value
    ev.height = height
    return result


def replace_location(error: SpecError, location: Location) -> SpecError:
    """The error with another location."""
    (diagnostic,) = error.diagnostics
    return SpecError([replace(diagnostic, primary=Label(location, ""))])


def _report(ev: Evaluator, error: SpecError) -> None:
    """Records each diagnostic once: a stage repeats errors in every iteration."""
    ev.mistakes += 1
    seen = {(d.code, d.primary.location if d.primary else None) for d in ev.diagnostics}
    for diagnostic in error.diagnostics:
        place = (diagnostic.code, diagnostic.primary.location if diagnostic.primary else None)
        if place not in seen:
            ev.diagnostics.append(diagnostic)
    if len(ev.diagnostics) >= ERROR_BUDGET or ev.mistakes >= MISTAKE_BUDGET:
        ev.stop(error)


def _poison(statement: ast.Statement, frame: Frame) -> Poison | None:
    """Poisons the names that the statement defines: using them reports no further errors."""
    if isinstance(statement, ast.Return):
        return Poison()
    for name in assigned_names((statement,)):
        frame.names[name] = Poison()
    return None


def assigned_names(statements: tuple[ast.Statement, ...]) -> Iterator[str]:
    """The names that statements assign, including those inside stages."""
    for statement in statements:
        match statement:
            case ast.Assign():
                bases = (t.base if isinstance(t, ast.Index) else t for t in statement.targets)
                yield from (base.id for base in bases if isinstance(base, ast.Name))
            case ast.Stage():
                yield from assigned_names(statement.body.statements)
            case ast.Input() | ast.Output():
                yield statement.name


# ---------------------------------------------------------------- assignments


def assign(ev: Evaluator, statement: ast.Assign, frame: Frame, counts: dict[str, int]) -> None:
    targets = statement.targets
    keys = [_key(ev, target, frame) for target in targets]
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
        frame.sized[_tie_key(target, key)] = tuple(sizes)
        frame.written[_tie_key(target, key)] = (start, len(ev.builder.nodes))


def _note_made(ev: Evaluator, value: SpecValue, frame: Frame) -> None:
    """`stride = one of {1, 2} if i <= 5 else 1`: the outcome is known where the condition is constant."""
    path = frame.decision_path("")
    if "" in frame.sites.choices.values() and path not in ev.builder.decisions:
        ev.builder.made[path] = sets.text_of(value)


def _key(ev: Evaluator, target: ast.Expr, frame: Frame) -> Key | None:
    """The subscripts of an indexed target; None for a plain name."""
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
    """Path prefixes of the choices and nodes of this statement (see docs: decision paths)."""
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


def _named(target: ast.Expr) -> str:
    """Assigns a value to a target with a known `_key`."""
    if isinstance(target, ast.Index):
        target = target.base
    assert isinstance(target, ast.Name)
    return target.id


def _define(ev: Evaluator, target: ast.Expr, key: Key | None, value: SpecValue, frame: Frame) -> None:
    if key is None:
        if isinstance(value, Family):
            value = Family(_named(target), dict(value.entries))
        frame.names[_named(target)] = value
        return
    name = _named(target)
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


# ---------------------------------------------------------------- stages


def stage(ev: Evaluator, statement: ast.Stage, frame: Frame, counts: dict[str, int]) -> SpecValue | None:
    if statement.repeat is not None:
        with ev.reading() as sizes:
            n = sets.whole(ev, statement.repeat, frame)
        sized.demand(ev, sizes, statement.repeat, frame)
        if n < 0:
            help = "write the number of iterations, 0 or more"
            raise frame.error("ARCH207", f"a stage cannot be repeated {n} times", statement.repeat, help=help)
        sets.bounded(ev, n, statement.repeat, frame)
        names: tuple[str, ...] = ()
        rounds: Iterable[tuple[_Item, ...]] = [((i, str(i)),) for i in range(1, n + 1)]
    elif statement.binders:
        names = tuple(b.name for b in statement.binders)
        with ev.reading() as sizes:
            domains = [_domain(ev, b.domain, frame) for b in statement.binders]
        sized.demand(ev, sizes, statement, frame)
        total = 1
        for domain in domains:
            total *= len(domain)
        sets.bounded(ev, total, statement, frame)
        rounds = product(*domains)
    else:
        names, rounds = (), [()]
    return _rounds(ev, statement, names, rounds, frame)


_ITERATED = "write a range, a set or a list: for i in 1..4, for c in {8, 16}"
_Item = tuple[SpecValue, str]
"""What a loop variable is in an iteration, and its part of the iteration's name."""


def _domain(ev: Evaluator, expr: ast.Expr, frame: Frame) -> list[_Item]:
    """The items to iterate over; a record is named by its label in a set, by its position in a list."""
    value = ev.evaluate(expr, frame)
    if isinstance(value, SetValue):
        items = [(m.value, m.label) for m in value.members]
    elif isinstance(value, ListValue):
        items = [(item, str(n)) for n, item in enumerate(value.items, 1)]
    else:
        help = f"write a range, 1..{value}, or repeat {value}" if type(value) is int else _ITERATED
        headline = f"expected a range or a set to iterate over, got {kind_of(value)}"
        raise frame.error("ARCH207", headline, expr, help=help)
    for item, _ in items:
        if isinstance(item, Expr):
            raise frame.error("ARCH217", "the range of a stage cannot depend on decisions", expr)
        if not isinstance(item, (int, float, str, RecordValue)):
            raise frame.error(
                "ARCH207",
                f"a stage iterates over numbers, strings or records, got {kind_of(item)}",
                expr,
                help="iterate over indices of a list: stage NAME for i in 1..2 {… LIST[i]}",
            )
    return [(item, name if isinstance(item, RecordValue) else str(item)) for item, name in items]


def _rounds(
    ev: Evaluator,
    statement: ast.Stage,
    names: tuple[str, ...],
    rounds: Iterable[tuple[_Item, ...]],
    frame: Frame,
) -> SpecValue | None:
    before = (frame.decisions, frame.nodes, frame.trace, frame.binders)
    ev.height += 4
    shadowed = {name: frame.names[name] for name in names if name in frame.names}
    result = None
    for items in rounds:
        values = [value for value, _ in items]
        label = f"{statement.name}[{', '.join([name for _, name in items])}]" if items else statement.name
        frame.decisions, frame.nodes = join(before[0], label), join(before[1], label)
        frame.binders = (*before[3], *names) if names else (*before[3], "")
        if values:
            text = (
                ", ".join(f"{n} = {_shown(v)}" for n, v in zip(names, values, strict=False))
                or f"iteration {values[0]}"
            )
            frame.trace = Trace(before[2], frame.location(statement), f"in stage `{statement.name}`, {text}")
        frame.names.update(zip(names, values, strict=False))
        value = _run(ev, statement.body.statements, frame, {})
        result = value if value is not None else result
        ev.count_call(statement, frame)
    frame.decisions, frame.nodes, frame.trace, frame.binders = before
    for name in names:
        frame.names.pop(name, None)
    frame.names.update(shadowed)
    return result


def _shown(value: SpecValue) -> str:
    """A loop variable in messages."""
    if not isinstance(value, RecordValue):
        return str(value)
    fields = [f"{k} = {v if isinstance(v, (int, float, str)) else '…'}" for k, v in value.entries.items()]
    return f"({', '.join(fields[:4])}{', …' if len(fields) > 4 else ''})"


# ---------------------------------------------------------------- the rest


def input_(ev: Evaluator, statement: ast.Input, frame: Frame, counts: dict[str, int]) -> None:
    _only_outermost(statement, frame)
    if statement.name in frame.names:
        raise frame.error("ARCH203", f"`{statement.name}` is defined twice", statement)
    shape = ev.inputs.get(statement.name)
    if shape is None:
        value = ev.evaluate(statement.shape, frame)
        items = value.items if isinstance(value, ListValue) else ()
        sizes = [i for i in items if isinstance(i, int) and not isinstance(i, bool) and 1 <= i <= LARGEST]
        if len(items) != 3 or len(sizes) != 3:
            raise frame.error(
                "ARCH207",
                "an input's shape must be [channels, height, width], integers >= 1",
                statement.shape,
                help=f"write input {statement.name}: [3, 256, 512], without the batch; "
                "--set overrides sizes, and compiled modules accept other sizes",
            )
        shape = (sizes[0], sizes[1], sizes[2])
    frame.names[statement.name] = Tensor(ev.builder.add_input(statement.name, shape))


def output(ev: Evaluator, statement: ast.Output, frame: Frame, counts: dict[str, int]) -> None:
    _only_outermost(statement, frame)
    if statement.name in ev.builder.inputs:
        raise frame.error("ARCH203", f"`{statement.name}` is already the name of an input", statement)
    if statement.name in ev.builder.outputs:
        raise frame.error("ARCH203", f"output `{statement.name}` is defined twice", statement)
    frame.decision_name = frame.node_name = statement.name
    frame.sites = ev.sites(statement.value)
    with ev.reading():
        value = ev.evaluate(statement.value, frame)
    if isinstance(value, Undefined):
        raise frame.error(
            "ARCH223", f"output `{statement.name}` is not defined: {value.why}", statement.value
        )
    if not isinstance(value, Tensor):
        help = "write one output for each tensor, or join them: concat(a, b)"
        raise frame.error(
            "ARCH207", f"an output must be a tensor, got {kind_of(value)}", statement.value, help=help
        )
    ev.builder.outputs[statement.name] = value.node
    if statement.train_only:
        ev.builder.train_only.add(statement.name)
    ev.builder.output_locations[statement.name] = frame.location(statement.value)
    frame.names[statement.name] = value


def require(ev: Evaluator, statement: ast.Require, frame: Frame, counts: dict[str, int]) -> None:
    frame.decision_name = frame.node_name = "require"
    frame.sites = ev.sites(statement.condition)
    ev.measuring = True
    try:
        value = ev.evaluate(statement.condition, frame)
    finally:
        ev.measuring = False
    condition = truth(value, statement.condition, frame)
    reached = [ev.builder.is_outcome(path, *outcomes) for path, outcomes in ev.allowed.items()]
    for here in reversed([*reached, *ev.conditions]):
        condition = apply("if", here, condition, True)
    start, end = statement.condition.span
    text = " ".join(frame.unit.source.text[start:end].split())
    ev.builder.requirements.append(Requirement(condition, text, frame.location(statement)))


def tie(ev: Evaluator, statement: ast.Tie, frame: Frame, counts: dict[str, int]) -> None:
    """Ties the weights of the nodes of several assignments."""
    tied: list[tuple[ast.Expr, list[str]]] = []
    for member in statement.members:
        found = _key(ev, member, frame)
        key = _tie_key(member, found)
        if key not in frame.written:
            ev.evaluate(member, frame)  # reports no further errors on poisoned names
            raise frame.error("ARCH220", "only names assigned in this body can be tied", member)
        value = frame.names[_named(member)]
        if isinstance(value.entries[found] if isinstance(value, Family) and found else value, Undefined):
            continue  # as in a network without it
        start, end = frame.written[key]
        nodes = ev.builder.nodes
        ev.spend((len(nodes) - start) // 50, member, frame)
        names = list(islice(reversed(nodes), len(nodes) - end, len(nodes) - start))[::-1]
        tied.append((member, [n for n in names if _has_weights(nodes[n])]))
    for member, run in tied[1:]:
        if (why := _difference(ev, tied[0][1], run)) is not None:
            raise frame.error(
                "ARCH220", f"layers that differ cannot share weights: {why}", member,
                help="tie assignments of the same ops with equal settings and channels",
                secondary=(Label(frame.location(statement.members[0]), "tied to this"),),
            )  # fmt: skip
        for first, other in zip(tied[0][1], run, strict=True):
            ev.builder.tie(first, other)


def _has_weights(item: Node | Mux) -> bool:
    return isinstance(item, Node) and ops.get(item.op).has_weights


def _difference(ev: Evaluator, first: list[str], other: list[str]) -> str | None:
    """What prevents nodes from sharing weights: their number, op, settings, or the sizes of their weights."""
    if len(first) != len(other):
        return f"{len(first)} and {len(other)} layers with weights"
    for one, two in zip(first, other, strict=True):
        (op, attrs, layer), (op2, attrs2, layer2) = _tied(ev, one), _tied(ev, two)
        if op != op2:
            return f"`{op}` and `{op2}`"
        for key in attrs | attrs2:
            if attrs.get(key) != attrs2.get(key):
                return f"`{key}` of `{op}` {_both(attrs.get(key), attrs2.get(key))}"
        if layer != layer2:
            channels = [ev.builder.shapes[ev.builder.nodes[name].inputs[0]][0] for name in (one, two)]
            return f"the number of input channels of `{op}` {_both(*channels)}"
    return None


def _both(one: object, other: object) -> str:
    plain = all(isinstance(value, int | float | str | tuple) for value in (one, other))
    return f"is {value_text(one)} and {value_text(other)}" if plain else "differs"


def _tied(ev: Evaluator, name: str) -> tuple[str, dict[str, Any], object]:
    """The properties that tied nodes must have in common: op, settings, and the sizes of their weights.

    In place of weights whose sizes depend on decisions, the channels of the input.
    """
    node = ev.builder.nodes[name]
    assert not isinstance(node, Mux)
    xs, y = [ev.builder.shapes[source] for source in node.inputs], ev.builder.shapes[name]
    values = chain(*xs, y, node.attrs.values())
    lifted = any(isinstance(value, Expr) for value in values)
    return node.op, dict(node.attrs), xs[0][0] if lifted else ops.get(node.op).layer(xs, y, node.attrs)


def _tie_key(target: ast.Expr, key: Key | None) -> Target:
    return _named(target) if key is None else (_named(target), key)


def return_(ev: Evaluator, statement: ast.Return, frame: Frame, counts: dict[str, int]) -> SpecValue:
    if frame.depth == 0:
        raise frame.error(
            "ARCH216", "`return` is only allowed in ops and cells", statement, help="write output NAME = …"
        )
    frame.decision_name = frame.node_name = ""
    frame.sites = ev.sites(statement.value)
    return ev.evaluate(statement.value, frame)


def _only_outermost(statement: ast.Statement, frame: Frame) -> None:
    if frame.depth:
        what = STATEMENT_NAMES[type(statement)]
        raise frame.error("ARCH216", f"`{what}` is only allowed in spaces and networks", statement)


_RUN: dict[type, Callable[[Evaluator, Any, Frame, dict[str, int]], SpecValue | None]] = {
    ast.Assign: assign,
    ast.Stage: stage,
    ast.Input: input_,
    ast.Output: output,
    ast.Require: require,
    ast.Tie: tie,
    ast.Return: return_,
}
