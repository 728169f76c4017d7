"""Evaluates inputs, outputs, requirements and `return`."""

from __future__ import annotations

from archdsl.ir import Requirement
from archdsl.ir.expr import LARGEST, apply
from archdsl.lang import ast
from archdsl.spec.evaluate.evaluator import Evaluator
from archdsl.spec.evaluate.frame import Frame
from archdsl.spec.evaluate.kinds import truth
from archdsl.spec.evaluate.values import ListValue, SpecValue, Tensor, Undefined, kind_of

_NAMES = {ast.Input: "input", ast.Output: "output", ast.Require: "require", ast.Return: "return"}


def input_(ev: Evaluator, statement: ast.Input, frame: Frame, counts: dict[str, int]) -> None:
    _only_outermost(statement, frame)
    if statement.name in frame.names:
        raise frame.error("ARCH203", f"`{statement.name}` is defined twice", statement)
    shape = ev.inputs.get(statement.name)
    if shape is None:
        written = statement.shape.items if isinstance(statement.shape, ast.List) else ()
        dynamic = any(isinstance(item, ast.Name) and item.id == "None" for item in written)
        value = None if dynamic else ev.evaluate(statement.shape, frame)
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
        what = _NAMES[type(statement)]
        raise frame.error("ARCH216", f"`{what}` is only allowed in spaces and networks", statement)
