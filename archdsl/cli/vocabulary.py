"""The reference of search settings as Markdown: `python -m archdsl.cli.vocabulary > docs/vocabulary.md`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from archdsl.cli.words import default, summary_of

if TYPE_CHECKING:
    from archdsl.configs.setting import Setting
    from archdsl.configs.word import Word


def reference() -> str:
    """The reference of the settings of searches as Markdown (docs/vocabulary.md)."""
    from archdsl.configs.clauses import ArchitectureGroup, Group, Search
    from archdsl.configs.setting import settings_of
    from archdsl.configs.words import GROUPS

    parts = [_INTRODUCTION, "## Clauses of a search\n", _markdown(settings_of(Search))]
    parts += ["In the groups `architecture { … }` and `parameters { … }`:\n", _markdown(settings_of(Group))]
    parts += [
        "In a group of any other name, one of several architectures:\n",
        _markdown(settings_of(ArchitectureGroup)),
    ]
    for group, words in GROUPS.items():
        parts.append(f"## {group.capitalize()}\n")
        shared = _shared_settings(words)
        for names, settings in shared.items():
            parts += [f"Shared settings of {', '.join(f'`{n}`' for n in names)}:\n", _markdown(settings)]
        for name, word in words.items():
            written = f"{name}(…)" if word.function else name
            of = f" Of the main output; of another one: `{name}(OUTPUT)`." if word.of_output else ""
            parts.append(f"### `{written}`\n\n{summary_of(word)[0].upper()}{summary_of(word)[1:]}.{of}\n")
            above = {key for names, settings in shared.items() if name in names for key in settings}
            own = {key: one for key, one in word.settings.items() if key not in above}
            parts += [_markdown(own)] if own else []
    return "\n".join(parts)


def _shared_settings(words: Mapping[str, Word]) -> dict[tuple[str, ...], dict[str, Setting]]:
    """Settings that several words of a group have in common, by the names of these words."""
    users: dict[tuple[str, Setting], list[str]] = {}
    for name, word in words.items():
        for key, one in word.settings.items():
            users.setdefault((key, one), []).append(name)
    shared: dict[tuple[str, ...], dict[str, Setting]] = {}
    for (key, one), names in users.items():
        if len(names) > 1:
            shared.setdefault(tuple(names), {})[key] = one
    return shared


_INTRODUCTION = """\
# Reference of search settings

Every strategy, evaluator, sampler, schedule, optimizer, dataset and objective that a `search` can name, with
its settings, their defaults, accepted values and meaning.  [Searching](search.md#the-search-block) explains
how they work together.  `archdsl explain NAME` prints the entry of one name.

The checker rejects all other names, settings and values ([ARCH204](errors/ARCH204.md),
[ARCH607](errors/ARCH607.md)).  Entries marked *not run yet* pass `archdsl check` with a note
([ARCH608](errors/ARCH608.md)) and are rejected by `archdsl search`.
"""


def _markdown(settings: Mapping[str, Setting]) -> str:
    rows = [
        f"| `{name}` | {default(one)} | {one.expected()} | {one.doc}{'' if one.run else ' *(not run yet)*'} |"
        for name, one in settings.items()
    ]
    head = "| setting | default | accepts | meaning |\n| --- | --- | --- | --- |"
    return "\n".join([head, *(row.replace("see data.md", "see [data](data.md)") for row in rows)]) + "\n"


if __name__ == "__main__":
    click.echo(reference(), nl=False)
