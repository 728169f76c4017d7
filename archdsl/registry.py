"""Registries of built-in objects and objects of plug-ins, by name (see `archdsl.plugins`)."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from importlib import import_module
from typing import Any, Generic, TypeVar

from archdsl.diagnostics import Diagnostic, SpecError, closest

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """A mapping from names to objects of one kind, each imported when it is first looked up.

    `kind` is the display name ("runtime"), `base` the required type, `places` maps names to
    "module:attribute"; plug-ins add further names. For an unknown name, indexing raises KeyError, `find`
    raises SpecError. An invalid object of a plug-in raises SpecError (ARCH864).
    """

    def __init__(self, kind: str, base: type[Any], places: Mapping[str, str], *, classes: bool = False):
        """With `classes`, the objects are subclasses of `base`, otherwise instances of `base`."""
        self.kind = kind
        self.base = base
        self.classes = classes
        self._places = dict(places)
        self._loaded: dict[str, T] = {}
        self._plugins: dict[str, str] = {}

    def add(self, name: str, place: str, plugin: str) -> None:
        """Registers an object of a plug-in. Raises SpecError (ARCH865) if the name is taken."""
        demand_free(self.kind, name, plugin, self._places)
        self._places[name], self._plugins[name] = place, plugin

    def find(self, name: str, code: str) -> T:
        """The object with this name. Raises SpecError with the code `code` and the available names."""
        if name in self._places:
            return self[name]
        guess = closest(name, list(self))
        help = f"did you mean `{guess}`?" if guess else f"available: {', '.join(self)}"
        raise SpecError([Diagnostic(code, f"unknown {self.kind} `{name}`", help=help)])

    def __getitem__(self, name: str) -> T:
        if name not in self._loaded:
            place, plugin = self._places[name], self._plugins.get(name)
            self._loaded[name] = loaded(self.kind, place, self.base, plugin, self.classes)
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def imported(place: str) -> Any:
    """Imports and returns the object at "module:attribute"."""
    module, _, attribute = place.partition(":")
    found: Any = import_module(module)
    for part in filter(None, attribute.split(".")):
        found = getattr(found, part)
    return found


def loaded(kind: str, place: str, base: type[Any], plugin: str | None, classes: bool = False) -> Any:
    """Imports the object at "module:attribute"; a plug-in's class is instantiated unless `classes`.

    Raises SpecError (ARCH864) if a plug-in's object cannot be imported, or is not a `base`.
    """
    if plugin is None:
        return imported(place)
    try:
        given = imported(place)
        made = given() if isinstance(given, type) and not classes else given
    except SpecError:
        raise
    except (Exception, SystemExit) as error:  # the plug-in's own code runs when its module is imported
        raise unusable(kind, place, plugin, f"{type(error).__name__}: {error}") from error
    if not (isinstance(made, type) and issubclass(made, base) if classes else isinstance(made, base)):
        raise unusable(kind, place, plugin, f"expected a {base.__name__}, got a {type(made).__name__}")
    return made


def demand_free(kind: str, name: str, plugin: str, taken: Container[str]) -> None:
    """Raises SpecError (ARCH865) if the name of a plug-in's object is already taken."""
    if name in taken:
        headline = f"the plug-in {plugin} adds a {kind} `{name}`, but that name is already taken"
        help = "rename the entry point, or load only one of the plug-ins"
        raise SpecError([Diagnostic("ARCH865", headline, help=help)])


def unusable(kind: str, place: str, plugin: str, why: str) -> SpecError:
    """The error (ARCH864) for an invalid object of a plug-in."""
    headline = f"invalid {kind} `{place}` of the plug-in {plugin}"
    return SpecError([Diagnostic("ARCH864", headline, help=why)])
