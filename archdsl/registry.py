"""Things that are found by name: those of archdsl, and those of plug-ins that were named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Generic, TypeVar

from archdsl.diagnostics import Diagnostic, SpecError, closest

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """Objects of one kind by name, each imported when it is first looked up.

    `kind` is what messages call them ("runtime"); `places` says where each is, as "module:attribute": one
    line an object, and as an entry point of a plug-in says it.  Looking up a name that is not there raises
    KeyError; `find` raises a diagnostic.
    """

    def __init__(self, kind: str, places: Mapping[str, str]):
        self.kind = kind
        self._places = dict(places)
        self._loaded: dict[str, T] = {}

    def add(self, name: str, place: str) -> None:
        """Registers an object of another package.  Raises ValueError where the name is taken."""
        if self._places.get(name, place) != place:
            raise ValueError(f"there is a {self.kind} `{name}` already: {self._places[name]}")
        self._places[name] = place

    def remove(self, name: str) -> None:
        """Takes an object out again; KeyError where it is not there."""
        del self._places[name]
        self._loaded.pop(name, None)

    def find(self, name: str, code: str) -> T:
        """The object of that name.  Raises SpecError of this code, with the names that there are."""
        if name in self._places:
            return self[name]
        guess = closest(name, list(self))
        help = f"did you mean `{guess}`?" if guess else f"there are {', '.join(self)}"
        raise SpecError([Diagnostic(code, f"unknown {self.kind} `{name}`", help=help)])

    def __getitem__(self, name: str) -> T:
        if name not in self._loaded:
            module, _, attribute = self._places[name].partition(":")
            found: Any = import_module(module)
            for part in attribute.split("."):
                found = getattr(found, part)
            self._loaded[name] = found
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
