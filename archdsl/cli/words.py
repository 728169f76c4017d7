"""Lists and reference pages of primitives, library ops, names in searches, and commands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from archdsl.report.text_tables import WIDEST, table

if TYPE_CHECKING:
    from archdsl.configs.setting import Setting
    from archdsl.configs.word import Word
    from archdsl.ops.base import Primitive

LISTS = (
    "primitives",
    "ops",
    "strategies",
    "evaluators",
    "samplers",
    "schedules",
    "optimizers",
    "datasets",
    "objectives",
    "specs",
    "runtimes",
    "plugins",
)
"""The lists that can be printed; "ops" are the ops of the shipped library, "plugins" the installed
plug-ins.
"""


def listing(kind: str) -> list[dict[str, str]]:
    """The names of one kind, each with signature and summary."""
    if kind == "primitives":
        from archdsl.ops import primitives
        from archdsl.ops.signature import signature

        return [_entry(p.name, signature(p), p.summary) for p in primitives().values()]
    if kind == "ops":
        return [_entry(name, written, f"import it from {path}") for name, written, path in _library()]
    if kind == "specs":
        return [_entry(name, name, first) for name, first in _specs()]
    if kind == "runtimes":
        from archdsl.devices.runtimes import RUNTIMES, installed

        timed = [(name, runtime.package) for name, runtime in RUNTIMES.items()]
        return [_entry(n, n, f"{package} {installed(package) or 'is not installed'}") for n, package in timed]
    if kind == "plugins":
        from archdsl import plugins

        return [_entry(name, name, plugins.summary(name)) for name in plugins.installed()]
    from archdsl.configs.words import GROUPS

    return [_entry(name, _written(name, word), summary_of(word)) for name, word in GROUPS[kind].items()]


def listing_text(kind: str) -> str:
    rows = [[entry["written"], entry["summary"]] for entry in listing(kind)]
    if not rows:
        return f"no {kind}\n"
    widest = max(len(written) for written, _ in rows)
    if widest <= 56 and all(len(summary) <= WIDEST for _, summary in rows):
        return table((kind, "summary"), rows)
    return "\n".join(f"{written}\n    {summary}" for written, summary in rows) + "\n"


def page_of(name: str, group: click.Group) -> str | None:
    """The page about a primitive, a library op, a name in searches or a command; None for other names."""
    from archdsl.ops import primitives

    parts = [
        *([_primitive(primitives()[name])] if name in primitives() else []),
        *_declaration(name),
        *_words(name),
    ]
    if not parts and name in group.list_commands(click.Context(group)):
        return _verb(name, group)
    return "\n".join(parts) or None


def known_names(group: click.Group) -> list[str]:
    """The names of all primitives, library ops, words of searches and commands for which `page_of` has a
    page.
    """
    from archdsl.configs.clauses import Search
    from archdsl.configs.setting import settings_of

    without_page = ("specs", "runtimes", "plugins")
    listed = [entry["name"] for kind in LISTS if kind not in without_page for entry in listing(kind)]
    return [*listed, *settings_of(Search), *group.list_commands(click.Context(group))]


# ---------------------------------------------------------------- pages


def _primitive(primitive: Primitive) -> str:
    import inspect

    from archdsl.ops.signature import default_text, signature, takes

    rows = [
        [s.name, default_text(s) or ("none" if s.optional else "required"), takes(s), s.doc]
        for s in primitive.settings
    ]
    rows += [
        [name, "none", "tensor", "height and width are those of this tensor"]
        for name in primitive.tensor_settings
    ]
    lines = [
        f"primitive {signature(primitive)}",
        "",
        f"{primitive.summary[0].upper()}{primitive.summary[1:]}.",
    ]
    about = inspect.getdoc(type(primitive))
    if about:
        lines.append(about)
    if rows:
        lines += ["", table(("setting", "default", "accepts", "meaning"), rows).rstrip()]
    return "\n".join([*lines, *_example(primitive)]) + "\n"


def _example(primitive: Primitive) -> Iterator[str]:
    """Yields the output size and cost of a primitive on inputs of 16 × 64 × 128, if its defaults suffice."""
    needed = [s for s in primitive.settings if s.default is None and not s.optional]
    if needed or (primitive.tensor_settings and primitive.arity == (1, 1)):
        return
    tensors = [(16, 64, 128)] * max(1, primitive.arity[0])
    attrs: dict[str, Any] = {
        s.name: s.default(tensors) if callable(s.default) else s.default
        for s in primitive.settings
        if s.default is not None
    }
    size = primitive.shape(tensors, attrs, lambda *_, **__: None)
    cost = primitive.cost(tensors, size, attrs)
    shown = " × ".join(map(str, size))
    yield ""
    yield f"of 16 × 64 × 128, with the defaults: {shown}, {cost.params:,} parameters, {cost.macs:,} MACs"


def _declaration(name: str) -> Iterator[str]:
    """Yields the source text of an op or cell of the library, if there is one of this name."""
    from archdsl.lang import ast, shipped
    from archdsl.lang.formatter import unparse
    from archdsl.lang.loader import load as load_unit
    from archdsl.resources import specs_folder

    path = shipped.declared_in(name)
    if path is None:
        return
    unit = load_unit(specs_folder() / path)
    declared = unit.declared[name]
    text = unparse(ast.File(version=1, items=(declared,))).partition("\n\n")[2]
    yield f'import {name} from "{path}"\n\n{text.rstrip()}\n'


def _words(name: str) -> Iterator[str]:
    from archdsl.configs.clauses import Search
    from archdsl.configs.setting import settings_of
    from archdsl.configs.words import GROUPS

    for group, words in GROUPS.items():
        if name in words:
            head = f"{name}, among the {group} of a search: {summary_of(words[name])}\n"
            of = f"of the main output; of another one: {name}(OUTPUT)\n" if words[name].of_output else ""
            yield head + of + settings_table(words[name].settings, words[name].function)
    clauses = settings_of(Search)
    if name in clauses:
        one = clauses[name]
        state = "" if one.run else " (checked, not run yet)"
        yield f"{name} = …, a clause of a search{state}: {one.doc}\n"
        yield f"accepts {one.expected()}; default {default(one)}\n"


def settings_table(settings: Mapping[str, Setting], function: int = 0) -> str:
    """A table of settings with defaults, accepted values and meanings."""
    if not settings:
        values = "one value" if function == 1 else f"{function} values"
        return f"settings: {values} in parentheses\n" if function else "settings: none\n"
    rows = [
        [name, default(one), one.expected(), one.doc if one.run else f"{one.doc} (not run yet)"]
        for name, one in settings.items()
    ]
    return table(("setting", "default", "accepts", "meaning"), rows)


def default(one: Setting) -> str:
    """The default of a setting as source text, or in words."""
    if one.usual:
        return one.usual
    match one.default:
        case None:
            return "none"
        case bool():
            return str(one.default).lower()
        case str():
            return f'"{one.default}"'
        case tuple():
            return str(list(one.default))
    return f"{one.default:g}"


def _verb(name: str, group: click.Group) -> str | None:
    """The help text of a command; None if there is no command of this name."""
    context = click.Context(group, info_name="archdsl")
    command = group.get_command(context, name)
    if command is None:
        return None
    return command.get_help(click.Context(command, info_name=name, parent=context)) + "\n"


# ---------------------------------------------------------------- lists


def _entry(name: str, written: str, summary: str) -> dict[str, str]:
    return {"name": name, "written": written, "summary": summary}


def _written(name: str, word: Word) -> str:
    if word.function:
        return f"{name}(…)"
    return f"{name}({', '.join(word.settings)})" if word.settings else name


def summary_of(word: Word) -> str:
    """The summary of a name in searches, with a note if it is checked only."""
    return word.summary if word.run else f"{word.summary} (checked, not run yet)"


def _library() -> Iterator[tuple[str, str, str]]:
    """Yields the ops and cells of the library: name, signature and path."""
    import re

    from archdsl.resources import specs_folder

    heads = re.compile(r"^(op|cell) (\w+)(\([^)]*\))", re.MULTILINE)
    for path in sorted((specs_folder() / "std").glob("*.arch")):
        for kind, name, signature in heads.findall(path.read_text(encoding="utf-8")):
            yield name, " ".join(f"{kind} {name}{signature}".split()), f'"std/{path.name}"'


def _specs() -> Iterator[tuple[str, str]]:
    """Yields the shipped specs with the names that they declare."""
    from archdsl.lang import ast
    from archdsl.lang.loader import load as load_unit
    from archdsl.resources import specs_folder

    for path in sorted(specs_folder().glob("*.arch")):
        declared = [
            f"{type(item).__name__.lower()} {item.name.id}"
            for item in load_unit(path).file.items
            if isinstance(item, ast.Space | ast.Network | ast.Search)
        ]
        yield path.stem, ", ".join(declared)
