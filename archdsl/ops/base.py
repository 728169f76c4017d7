"""What a primitive is: its settings, its shape rule, its cost, its module and its expression.

A shape rule is ordinary arithmetic that works alike on whole numbers and on values that depend on
decisions (`archdsl.ir.expr`), so one rule serves a fixed network and a whole space.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from archdsl.ir.expr import Value
from archdsl.ir.graph import Shape

Attrs = Mapping[str, Any]


class Demand(Protocol):
    """Says what must hold for the primitive to be well-typed: a condition, and what to say if it fails.

    `code` is the diagnostic's code; `message` is built only when the condition fails, from the values
    in that network, passed by keyword and evaluated.
    """

    def __call__(self, condition: Value, code: str, message: str, **values: Value) -> None: ...


@dataclass(frozen=True)
class Setting:
    """A setting of a primitive.  `default` may be a function of the input shapes; None: required.

    `kind` is one of "int", "float", "bool", "str", "ints".  `choices` are the values a str may have.
    `low` is the least number allowed.
    """

    name: str
    kind: str
    default: Any = None
    doc: str = ""
    choices: tuple[str, ...] = ()
    low: int | float | None = None
    optional: bool = False


@dataclass(frozen=True)
class Cost:
    """Per image: trainable parameters, multiply-accumulates (FLOPs = 2 × MACs)."""

    params: int = 0
    macs: int = 0


@dataclass(frozen=True)
class Layer:
    """A module to be made: a class of `torch.nn`, or of `archdsl.ops.layers`, and its arguments."""

    cls: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)


class Primitive:
    """One class each; the class owns every rule of the op, and no pass ever asks for its name.

    `arity` is the least and greatest number of tensors (None: no limit).  `tensor_settings` are settings
    whose value is a tensor (`like`); they follow the positional tensors in a node's inputs.
    `shape_only` says of which inputs only the shape is read (none of their values).
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    arity: ClassVar[tuple[int, int | None]] = (1, 1)
    settings: ClassVar[tuple[Setting, ...]] = ()
    tensor_settings: ClassVar[tuple[str, ...]] = ()

    def shape(self, xs: Sequence[Shape], a: Attrs, demand: Demand) -> Shape:
        """The output's shape; states every condition of well-typedness through `demand`."""
        raise NotImplementedError

    def cost(self, xs: Sequence[Shape], y: Shape, a: Attrs) -> Cost:
        """Parameters and MACs of one application, for concrete shapes."""
        return Cost()

    def layer(self, xs: Sequence[Shape], y: Shape, a: Attrs) -> Layer | None:
        """The module that holds its weights or state, for concrete shapes; None where it has none."""
        return None

    def expression(self, names: Sequence[str], layer: str | None, xs: Sequence[Shape], y: Shape, a: Attrs) -> str:
        """The Python expression of its output, given the inputs' variable names and the layer's name."""
        raise NotImplementedError


ShapeRule = Callable[[Sequence[Shape], Attrs, Demand], Shape]
