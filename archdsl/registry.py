"""Things that are found by name: those of archdsl, and those of plug-ins (`archdsl.plugins`)."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from importlib import import_module
from typing import Any, Generic, TypeVar

from archdsl.diagnostics import Diagnostic, SpecError, closest

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """Objects of one kind by name, each imported when it is first looked up.

    `kind` is what messages call them ("runtime"), and `base` the type that they must have.  `places` gives
    where each is, as "module:attribute", one line an object; a plug-in gives it as an entry point.  Looking
    up a name that is not there raises KeyError, `find` a diagnostic; what a plug-in gives and cannot be
    imported, or is of another type, raises SpecError (ARCH864).
    """

    def __init__(self, kind: str, base: type[Any], places: Mapping[str, str], *, classes: bool = False):
        """With `classes`, classes below `base` are registered, not objects of it."""
        self.kind = kind
        self.base = base
        self.classes = classes
        self._places = dict(places)
        self._loaded: dict[str, T] = {}
        self._plugins: dict[str, str] = {}

    def add(self, name: str, place: str, plugin: str) -> None:
        """Registers an object of a plug-in.  Raises SpecError (ARCH865) where the name is taken."""
        demand_free(self.kind, name, plugin, self._places)
        self._places[name], self._plugins[name] = place, plugin

    def find(self, name: str, code: str) -> T:
        """The object of that name.  Raises SpecError of this code, with the names that there are."""
        if name in self._places:
            return self[name]
        guess = closest(name, list(self))
        help = f"did you mean `{guess}`?" if guess else f"there are {', '.join(self)}"
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
    """The object at "module:attribute"."""
    module, _, attribute = place.partition(":")
    found: Any = import_module(module)
    for part in filter(None, attribute.split(".")):
        found = getattr(found, part)
    return found


def loaded(kind: str, place: str, base: type[Any], plugin: str | None, classes: bool = False) -> Any:
    """The object at a place, or an object of the class there; with `classes` that class.

    Raises SpecError (ARCH864) where that of a plug-in cannot be imported or is of another type than `base`.
    """
    if plugin is None:
        return imported(place)
    try:
        given = imported(place)
        made = given() if isinstance(given, type) and not classes else given
    except SpecError:
        raise
    except Exception as error:  # the plug-in's own code runs when its module is imported
        raise unusable(kind, place, plugin, f"{type(error).__name__}: {error}") from error
    if not (isinstance(made, type) and issubclass(made, base) if classes else isinstance(made, base)):
        raise unusable(kind, place, plugin, f"it is a {type(made).__name__}, not a {base.__name__}")
    return made


def demand_free(kind: str, name: str, plugin: str, taken: Container[str]) -> None:
    """Raises SpecError (ARCH865) where there is something of that name already."""
    if name in taken:
        headline = f"the plug-in {plugin} adds a {kind} `{name}`, and there is one of that name already"
        help = "rename the entry point, or load one of the two plug-ins"
        raise SpecError([Diagnostic("ARCH865", headline, help=help)])


def unusable(kind: str, place: str, plugin: str, why: str) -> SpecError:
    """The finding (ARCH864) that an object of a plug-in is not what it should be."""
    headline = f"the {kind} `{place}` of the plug-in {plugin} cannot be used"
    return SpecError([Diagnostic("ARCH864", headline, help=why)])
