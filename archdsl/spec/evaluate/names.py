"""Resolves names: local values, declarations, constants, primitives and builtins."""

from __future__ import annotations

from contextlib import suppress

from archdsl import ops
from archdsl.diagnostics import SpecError
from archdsl.ir import Measure
from archdsl.ir.expr import TooLargeError
from archdsl.lang import ast
from archdsl.lang.ast import Spanned
from archdsl.lang.loader import Unit
from archdsl.spec.evaluate.builtins import BUILTINS
from archdsl.spec.evaluate.constants import Failed
from archdsl.spec.evaluate.control import Fatal, Poisoned
from archdsl.spec.evaluate.evaluator import Evaluator
from archdsl.spec.evaluate.frame import Frame
from archdsl.spec.evaluate.values import Builtin, Function, Poison, PrimitiveOp, SpecValue
from archdsl.spec.units import MEASURES


def lookup(ev: Evaluator, name: str, frame: Frame, node: Spanned) -> SpecValue:
    if name in frame.names:
        value = frame.names[name]
        if isinstance(value, Poison):
            raise Poisoned
        return ev.refine(value) if ev.allowed else value
    return lookup_outside(ev, name, frame, node)


def lookup_outside(ev: Evaluator, name: str, frame: Frame, node: Spanned) -> SpecValue:
    """The value of a name outside of the body: a declaration, constant, import, primitive or builtin."""
    key = (id(frame.unit), name)
    known = ev.outside.get(key)
    if known is not None:
        return known
    value = _found_outside(ev, name, frame, node)
    if isinstance(value, (Function, PrimitiveOp)):
        ev.outside[key] = value
    return value


def _found_outside(ev: Evaluator, name: str, frame: Frame, node: Spanned) -> SpecValue:
    unit, found = frame.unit.find(name)
    if isinstance(found, (ast.Op, ast.Cell)):
        return Function(found, unit)
    if isinstance(found, ast.Constant):
        return constant(ev, found, unit)
    if found is not None:
        raise frame.error(
            "ARCH207", f"`{name}` is a {type(found).__name__.lower()}, not a value", node, "used here"
        )
    primitive = ops.primitives().get(name)
    if primitive is not None:
        return PrimitiveOp(primitive)
    if name in BUILTINS:
        return Builtin(name)
    if ev.measuring and name in MEASURES:
        return Builtin(name) if name in ("latency", "rate") else Measure(name)
    raise _unknown(name, frame, node)


def knows(name: str, frame: Frame) -> bool:
    """Whether a name can be resolved in this frame."""
    unit = frame.unit
    return (
        name in frame.names
        or name in unit.declared
        or name in unit.imported
        or name in ops.primitives()
        or name in BUILTINS
    )


def _unknown(name: str, frame: Frame, node: Spanned) -> SpecError:
    known = [
        *frame.names,
        *frame.unit.declared,
        *frame.unit.imported,
        *ops.primitives(),
        *BUILTINS,
    ]
    return frame.unknown(name, node, known)


def constant(ev: Evaluator, declared: ast.Constant, unit: Unit) -> SpecValue:
    """Evaluates a constant; those before it in the file are evaluated first, to avoid deep recursion."""
    kept = ev.constants
    if (id(unit), declared.name.id) not in kept.values and not kept.chain:
        for above in kept.until(declared, unit):
            with suppress(SpecError, Poisoned):
                _constant(ev, above, unit)
    return _constant(ev, declared, unit)


def _constant(ev: Evaluator, declared: ast.Constant, unit: Unit) -> SpecValue:
    key, kept = (id(unit), declared.name.id), ev.constants
    if key not in kept.values:
        frame = Frame(unit)
        if key in kept.chain:
            raise frame.error(
                "ARCH210", f"the definition of `{declared.name.id}` refers to itself", declared.name
            )
        kept.chain.add(key)
        height, ev.height = ev.height, ev.height + 3
        try:
            kept.values[key] = ev.evaluate(declared.value, frame)
        except SpecError as error:
            kept.values[key] = Failed(error.diagnostics)
        except Fatal as fatal:
            kept.values[key] = Failed(fatal.error.diagnostics)
        except TooLargeError as error:
            kept.values[key] = Failed(frame.error("ARCH211", str(error), declared.value).diagnostics)
        finally:
            ev.height = height
            kept.chain.remove(key)
    value = kept.values[key]
    if isinstance(value, Failed):
        raise SpecError(value.diagnostics)
    return value
