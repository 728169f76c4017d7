"""A decorator for the frozen records of the AST.

`@node` is equivalent to `@dataclass(frozen=True, slots=True)`, but faster: the standard decorator compiles
six functions per class, which for the classes of the AST takes a tenth of the time of `archdsl check` in a
new process, and the `__init__` it generates takes twice as long. Here only `__init__` is compiled; all
classes share the other methods.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def node(cls: type[T]) -> type[T]:
    """Makes a class a frozen dataclass with slots; respects `compare` and `repr` of its fields."""
    cls.__doc__ = cls.__doc__ or cls.__name__  # else dataclass derives a text from the signature, slowly
    made: Any = dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    found = fields(made)
    made.__init__ = _initialiser(made, found)
    made._key = attrgetter("__class__", *(f.name for f in found if f.compare))
    made._shown = tuple(f.name for f in found if f.repr)
    for name in _Methods.names:
        setattr(made, name, vars(_Methods)[name])
    return made  # type: ignore[no-any-return]


def _initialiser(cls: type, found: tuple[Field[Any], ...]) -> Any:
    """Compiles `__init__`, which assigns to the slots directly, since `__setattr__` raises."""
    scope = {f"set_{f.name}": getattr(cls, f.name).__set__ for f in found}
    scope |= {f"default_{f.name}": f.default for f in found}
    plain, named = [f for f in found if not f.kw_only], [f for f in found if f.kw_only]
    parameters = ["self", *map(_parameter, plain), *(["*"] if named else []), *map(_parameter, named)]
    lines = [f"def __init__({', '.join(parameters)}):"]
    lines += [f" set_{f.name}(self, {f.name})" for f in found]
    exec("\n".join(lines), scope)
    return scope["__init__"]


def _parameter(f: Field[Any]) -> str:
    return f.name if f.default is MISSING else f"{f.name}=default_{f.name}"


class _Methods:
    """The methods that all node classes share."""

    names = ("__eq__", "__hash__", "__repr__", "__setattr__", "__delattr__", "__setstate__")

    def __eq__(self: Any, other: Any) -> bool:
        return self._key(self) == other._key(other) if type(other) is type(self) else NotImplemented

    def __hash__(self: Any) -> int:
        return hash(self._key(self))

    def __repr__(self: Any) -> str:
        return (
            f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self._shown)})"
        )

    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __setstate__(self, state: tuple[None, dict[str, object]]) -> None:
        for name, value in state[1].items():
            object.__setattr__(self, name, value)
