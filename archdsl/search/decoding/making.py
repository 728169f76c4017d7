"""Creates the decoder of a search."""

from __future__ import annotations

from typing import Any

from archdsl.lang import ast
from archdsl.program import Program, Space
from archdsl.search.config import SearchConfig
from archdsl.search.decoding.decoder import Decoder
from archdsl.search.decoding.fitting import fitting
from archdsl.search.reading import read_config
from archdsl.search.terms import configured
from archdsl.spec.settings import input_names


def decoder_for(program: Program, search: str | None = None, architecture: str | None = None) -> Decoder:
    """The decoder of a search of a file (default: the last one), or of one of its architectures.

    Raises SpecError (ARCH815, ARCH606), and ValueError for an unknown architecture and for a search without a
    decoder.
    """
    config = read_config(program.search(search))
    own: dict[str, Any] = {}
    if architecture is not None:
        member = next((one for one in config.members if one.name == architecture), None)
        if member is None:
            raise ValueError(f"{config.name} has no architecture `{architecture}`")
        config, own = config.of(member), dict(member.of_space)
    found = decoder_of(program, config, program.space(config.space, **own))
    if found is None:
        raise ValueError(f"{config.name} has no `decode` clause")
    return found


def decoder_of(program: Program, config: SearchConfig, space: Space) -> Decoder | None:
    """The decoder of a search; None without a `decode` clause.

    Overridden settings of the searched space, such as the number of classes, also apply to the space of the
    derived networks, if that space has them. Raises SpecError (ARCH815) if the decoder does not fit the
    space.
    """
    if config.decode is None:
        return None
    branches = configured(config.decode)
    cells = fitting(branches, space.searched, program.unit, config.decode.at)
    declared: Any = program.unit.find(branches.into)[1]
    assert isinstance(declared, ast.Space)
    known = {*(s.name for s in declared.signature.settings), *input_names(declared)}
    given = {name: value for name, value in space.elaborated.given.items() if name in known}

    def into(**settings: Any) -> Space:
        return program.space(branches.into, **{**given, **settings})

    return Decoder(branches, cells, into)
