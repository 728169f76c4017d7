"""Traces a PyTorch model by torch.export, and provides the traced program to the recognizer."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import fx
from torch.export import Dim, ExportedProgram
from torch.export.graph_signature import InputKind, InputSpec
from torch.utils import _pytree as pytree
from torch.utils._sympy.functions import FloorDiv

from archdsl.backends.exported import evaluating, quiet
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.lift.measuring import Measuring, measured_nodes
from archdsl.ops.lifting import FixedSizes

BATCH = 2
"""The batch size of the traced inputs; with 1, the batch dimension could not be distinguished from others of
size 1.
"""


@dataclass(frozen=True)
class Scope:
    """A submodule whose call contains another call: its path, its class, and whether it has no submodules."""

    path: str
    cls: str
    leaf: bool


@dataclass(frozen=True, eq=False)
class Trace:
    """A traced model: `inputs` are the sizes of its input tensors by name, `outputs` are names by position.

    `likes` maps calls that resize a tensor to the calls that returned the tensors whose sizes they take.
    """

    model: torch.nn.Module
    program: ExportedProgram
    inputs: Mapping[str, FixedSizes]
    outputs: Sequence[str | None]
    likes: Mapping[fx.Node, fx.Node]

    def arguments(self, inputs: Sequence[torch.Tensor]) -> list[Any]:
        """The arguments of the traced program, given inputs of the model."""
        return _arguments(self.program, inputs)

    @property
    def nodes(self) -> Sequence[fx.Node]:
        return list(self.program.graph.nodes)

    @cached_property
    def stored(self) -> dict[str, torch.Tensor]:
        """The parameters, buffers and constants of the model, by name."""
        return _stored(self.program)

    @cached_property
    def _specs(self) -> dict[str, InputSpec]:
        return {spec.arg.name: spec for spec in self.program.graph_signature.input_specs}

    def weight_of(self, node: fx.Node) -> str | None:
        """The name of the parameter or buffer that a placeholder stands for; None for an input of the
        model.
        """
        spec = self._specs[node.name]
        return None if spec.kind == InputKind.USER_INPUT else spec.target

    @cached_property
    def _children(self) -> frozenset[str]:
        """The paths of modules that have submodules."""
        return frozenset(path for path, module in self.model.named_modules() if next(module.children(), None))

    def scopes(self, node: fx.Node) -> tuple[Scope, ...]:
        """The submodules whose calls contain a call, the innermost last.

        A submodule that is called several times has a separate path for each call.
        """
        found = []
        for key, (path, cls) in (node.meta.get("nn_module_stack") or {}).items():
            if path and not key.startswith("_empty"):
                again = "@" + key.rpartition("@")[2] if "@" in key else ""
                name = cls if isinstance(cls, str) else cls.__name__
                found.append(Scope(path + again, name.rpartition(".")[2], path not in self._children))
        return tuple(found)


def traced(model: torch.nn.Module, sizes: Sequence[FixedSizes]) -> Trace:
    """Traces a model in eval mode with inputs of these sizes; height and width are dynamic if the model
    allows it.

    Raises SpecError (ARCH831) if torch.export cannot trace the model.
    """
    generator = torch.Generator().manual_seed(0)
    examples = tuple(torch.randn((BATCH, *size), generator=generator) for size in sizes)
    with evaluating(model), quiet():
        with Measuring() as measuring:
            outputs = _run(model, examples)
        shapes: Any = tuple({2: Dim.AUTO, 3: Dim.AUTO} for _ in sizes)
        try:
            program = torch.export.export(model, examples, dynamic_shapes=shapes)
        except Exception:  # torch raises many kinds where sizes must be constant
            program = _exported(model, examples)
    likes = measured_nodes(program, _arguments(program, examples), measuring.measured)
    names = [
        spec.arg.name for spec in program.graph_signature.input_specs if spec.kind == InputKind.USER_INPUT
    ]
    return Trace(model, program, dict(zip(names, sizes, strict=False)), _output_names(outputs), likes)


def _stored(program: ExportedProgram) -> dict[str, Any]:
    return {**program.constants, **program.state_dict}


def _arguments(program: ExportedProgram, inputs: Sequence[torch.Tensor]) -> list[Any]:
    """The values of a program's placeholders: weights and inputs."""
    stored, ahead = _stored(program), iter(inputs)
    specs = program.graph_signature.input_specs
    return [next(ahead).clone() if s.kind == InputKind.USER_INPUT else stored[str(s.target)] for s in specs]


def _run(model: torch.nn.Module, examples: Sequence[torch.Tensor]) -> Any:
    try:
        return model(*(x.clone() for x in examples))
    except Exception as error:  # the model's own code
        raise _untraced(error) from error


def _untraced(error: Exception) -> SpecError:
    first = next(iter(str(error).splitlines()), "")[:200]
    help = f"{type(error).__name__}: {first}"
    return SpecError([Diagnostic("ARCH831", "the model cannot be run and traced by torch.export", help=help)])


def _exported(model: torch.nn.Module, examples: tuple[torch.Tensor, ...]) -> ExportedProgram:
    try:
        return torch.export.export(model, examples)
    except Exception as error:  # any code can run in a model's forward
        raise _untraced(error) from error


def _output_names(outputs: Any) -> list[str | None]:
    """A name for each tensor that the model returns, from its position in the returned value; None for other
    values.
    """
    leaves, _ = pytree.tree_flatten_with_path(outputs)
    found: list[str | None] = []
    for path, leaf in leaves:
        words = [str(getattr(key, "key", getattr(key, "idx", getattr(key, "name", "")))) for key in path]
        name = "_".join(words) if words and not words[0].isdigit() else "_".join(["out", *words])
        found.append(name if isinstance(leaf, torch.Tensor) else None)
    return found


def place_of(node: fx.Node) -> str | None:
    """The source line of the model that made a call, such as `unet.py:53`; None if it was not recorded."""
    lines = [line.strip() for line in (node.meta.get("stack_trace") or "").splitlines()]
    frames = [line for line in lines if line.startswith('File "')]
    own = [line for line in frames if "/torch/nn/" not in line] or frames
    if not own:
        return None
    path, _, rest = own[-1].removeprefix('File "').partition('", line ')
    return f"{path.rpartition('/')[2]}:{rest.partition(',')[0]}"


# ---------------------------------------------------------------- sizes


def hint(size: Any) -> int:
    """The value of a size for inputs of the declared size; the size may be symbolic."""
    return int(size.node.hint) if isinstance(size, torch.SymInt) else int(size)


def hints(shape: Sequence[Any]) -> tuple[int, ...]:
    return tuple(hint(size) for size in shape)


@dataclass(frozen=True)
class Size:
    """A height or width: an integer, or an expression over those of the inputs; `hint` is its value at
    declared sizes.
    """

    expression: Any
    hint: int

    @property
    def is_constant(self) -> bool:
        return isinstance(self.expression, int)

    def is_multiple(self, of: Size, times: int) -> bool:
        """Whether this size is `times` times the size `of`, for all input sizes."""
        difference = self.expression - of.expression * times
        return bool((difference if isinstance(difference, int) else difference.expand()) == 0)

    def is_part(self, of: Size, divisor: int) -> bool:
        """Whether this size is another size divided by `divisor` and rounded down, for all input sizes."""
        if self.is_constant and of.is_constant:
            return bool(of.expression // divisor == self.expression)
        return bool(FloorDiv(of.expression, divisor) == self.expression)


def sizes_of(values: Sequence[Any]) -> list[Size]:
    """Converts a shape, or the size argument of a call, to sizes."""
    found = []
    for value in values:
        size = value.meta["val"] if isinstance(value, fx.Node) else value
        expression = size.node.expr if isinstance(size, torch.SymInt) else int(size)
        found.append(Size(expression, hint(size)))
    return found


# ---------------------------------------------------------------- calls


def operator_of(node: fx.Node) -> str:
    """The name of an ATen operator without overload, and without the `_` of in-place operators: `add_` is
    `add`.
    """
    name: str = node.target.__name__ if callable(node.target) else str(node.target)
    plain = name.partition(".")[0]
    return plain.rstrip("_") or plain


def is_in_place(node: fx.Node) -> bool:
    schema = getattr(node.target, "_schema", None)
    return schema is not None and schema.is_mutable


def changed_part(node: fx.Node) -> str | None:
    """The call, with its place, of an in-place operator on a part of a tensor, as in `x[:, :2] = 0`."""
    if not is_in_place(node) or not node.args or not isinstance(node.args[0], fx.Node):
        return None
    view = node.args[0]
    while operator_of(view) in ("alias", "view", "slice", "select", "narrow", "split", "chunk", "getitem"):
        if operator_of(view) in ("slice", "select", "narrow"):
            return f"aten.{operator_of(node)}{f' in {place}' if (place := place_of(node)) else ''}"
        if not isinstance(view.args[0], fx.Node):
            break
        view = view.args[0]
    return None


def arguments_of(node: fx.Node) -> dict[str, Any]:
    """The arguments of a call by the names in the operator's schema, including defaults."""
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        return {str(n): value for n, value in enumerate(node.args)}
    found = {}
    for at, argument in enumerate(schema.arguments):
        if at < len(node.args):
            found[argument.name] = node.args[at]
        else:
            found[argument.name] = node.kwargs.get(argument.name, argument.default_value)
    return found


def is_item(node: fx.Node) -> bool:
    """Whether a call selects one tensor of a list of results."""
    return node.target is operator.getitem


def value_of(node: fx.Node) -> Any:
    """The result of a call, with symbolic sizes; None if the program does not record it."""
    return node.meta.get("val")
