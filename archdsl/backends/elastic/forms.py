"""Caches what equal nodes of different networks have in common.

Nodes of the same op, with equal settings and inputs of equal sizes and channel indices, have equal output
shapes and channel indices, layers and code, whatever their names are. These are computed once for each class
of such nodes, called a form.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from archdsl import ops
from archdsl.ir import Node
from archdsl.ops.base import Layer
from archdsl.ops.places import Places
from archdsl.passes.analyses.shapes import FixedShape
from archdsl.passes.analyses.sized_by import SizedBy, sized_by, zeros_of_input
from archdsl.passes.transforms.bind import Binder

Function = Callable[..., Any]

MOST_FORMS = 1 << 16
"""The maximum number of forms in the cache."""


class Look:
    """The properties of a tensor on which the code of its readers depends: size, channel indices, whether it
    is zeros.

    There is one object for each combination, so that looks are compared by identity.
    """

    __slots__ = ("is_zero", "places", "shape", "sized")

    def __init__(self, shape: FixedShape, places: Places, is_zero: bool, sized: SizedBy | None):
        self.shape, self.places = shape, places
        self.is_zero, self.sized = is_zero, sized


class IllTyped(Exception):
    """Raised for a constraint that fails, with its code and message."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code, self.message = code, message


class Form:
    """The common properties of equal nodes, independent of their names.

    `look` is the look of the output. The node reads the inputs with the indices `kept`, or the network input
    `source`; the first `count` of them are tensors, the others sizes. `function` and `in_place` are functions
    of the layer (or None) and of these inputs; `function` is None if the output is the first input.
    """

    __slots__ = ("count", "function", "in_place", "kept", "layer", "look", "source")

    def __init__(
        self, look: Look, kept: Sequence[int], source: str | None = None, count: int = 1,
        function: Function | None = None, in_place: Function | None = None, layer: Layer | None = None,
    ):  # fmt: skip
        self.look, self.kept, self.source, self.count = look, tuple(kept), source, count
        self.function, self.in_place, self.layer = function, in_place, layer


class Forms:
    """Finds the forms of nodes of one space.

    `compiled` compiles an expression to a function of given arguments.
    """

    def __init__(self, binder: Binder, compiled: Callable[[str, str], Function]):
        self._binder, self._compiled = binder, compiled
        self._looks: dict[Hashable, Look] = {}
        self._forms: dict[Hashable, Form] = {}

    def look(self, shape: FixedShape, places: Places, is_zero: bool, sized: SizedBy | None) -> Look:
        """The look with these properties; looks with equal properties are the same object."""
        key = shape, places, is_zero, sized
        found = self._looks.get(key)
        if found is None:
            found = self._looks[key] = Look(*key)
        return found

    def of(self, node: Node, read: tuple[Look | None, ...], widths: tuple[int, ...], width: int) -> Form:
        """The form of a node with constant settings, given the looks of its inputs (None for absent ones).

        `widths` are the largest numbers of channels of the inputs, `width` is that of the output. Raises
        IllTyped, and NotShared if the channels cannot be indexed in the shared weights.
        """
        attrs = node.attrs
        key = node.op, tuple(attrs.items()), tuple(map(type, attrs.values())), read, widths, width
        found = self._forms.get(key)
        if found is None:
            if len(self._forms) >= MOST_FORMS:
                self._forms.clear()
                self._looks.clear()
            found = self._forms[key] = self._made(node, read, widths, width)
        return found

    def _made(self, node: Node, read: Sequence[Look | None], widths: Sequence[int], width: int) -> Form:
        primitive, attrs = ops.get(node.op), node.attrs
        given = [look for look in read if look is not None]
        shape, failures = self._binder._sized(node, tuple([look.shape for look in given]))
        if failures:
            raise IllTyped(*failures[0])
        xs = [None if look is None else look.places for look in read]
        places = primitive.places(xs, widths, shape[0], width, attrs)
        kept: Sequence[int] = range(len(given))
        if primitive.zero_is_neutral and any(look.is_zero for look in given):
            kept = primitive.contributing([one.is_zero for one in given], [one.shape for one in given], shape)
            given = [given[port] for port in kept]
        shapes = [look.shape for look in given]
        if primitive.is_identity(shapes, shape, attrs):
            first = given[0]
            return Form(self.look(shape, places, first.is_zero, first.sized), kept)
        sized = sized_by(primitive, [look.sized for look in given], shapes, shape, attrs)
        settings, source = zeros_of_input(primitive, sized, shape, attrs), None
        if settings is not None and sized is not None:
            source, attrs = sized.input, settings
            shapes = [self._binder.graph.inputs[source]]
        count = primitive.tensors(len(shapes))
        zero = primitive.makes_zero or (
            all(look.is_zero for look in given[:count]) and primitive.keeps_zero(attrs)
        )
        layer = primitive.layer(shapes, shape, attrs)
        names = [f"x{number}" for number in range(len(shapes))]
        arguments = ", ".join(("layer", *names))
        text = primitive.expression(names, None if layer is None else "layer", shapes, shape, attrs)
        over = primitive.in_place(names[0], attrs) if names else None
        return Form(
            self.look(shape, places, zero, sized),
            kept,
            source,
            count,
            self._compiled(arguments, text),
            None if over is None else self._compiled(arguments, over),
            layer,
        )
