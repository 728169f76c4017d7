"""Finds the model that is named on the command line: MODULE:CLASS, or FILE.py:CLASS."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from archdsl.diagnostics import Diagnostic, SpecError


def model_of(place: str, arguments: str = "", seed: int = 0) -> torch.nn.Module:
    """The model at "MODULE:NAME": a module, or a class or function that returns one, called with `arguments`.

    This runs the code of the Python module. `arguments` are Python literals, as in a call: `3, depths=[2,
    2]`. `seed` is the seed of the weights of a new model. Raises SpecError (ARCH830) if there is no model, or
    its code fails.
    """
    module, _, name = place.rpartition(":")
    if not module or not name:
        raise _refused(place, 'write MODULE:CLASS, such as "models.unet:UNet" or "unet.py:UNet"')
    made = _attribute(_imported(module, place), name, place)
    positional, named = _literals(arguments)
    torch.manual_seed(seed)
    if not isinstance(made, torch.nn.Module):
        made = _called(made, positional, named, place)
    if not isinstance(made, torch.nn.Module):
        raise _refused(
            place, f"expected a torch.nn.Module, or a class or function that returns one, got {made!r:.80}"
        )
    return made


def _imported(module: str, place: str) -> ModuleType:
    try:
        if module.endswith(".py"):
            return _from_file(Path(module))
        if str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
        return import_module(module)
    except Exception as error:  # the module's own code runs
        raise _refused(place, f"{type(error).__name__}: {error}") from error


def _from_file(path: Path) -> ModuleType:
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    if str(path.parent.resolve()) not in sys.path:
        sys.path.insert(0, str(path.parent.resolve()))
    module = module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _attribute(module: ModuleType, name: str, place: str) -> Any:
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            raise _refused(place, f"{module.__name__} has no attribute {name}")
        found = getattr(found, part)
    return found


def _literals(text: str) -> tuple[list[Any], dict[str, Any]]:
    """Parses the arguments of a call, positional and by name, which must be literals."""
    try:
        call = ast.parse(f"f({text})", mode="eval").body
        assert isinstance(call, ast.Call)
        positional = [ast.literal_eval(argument) for argument in call.args]
        return positional, {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
    except (SyntaxError, ValueError, AssertionError) as error:
        help = "write Python literals, such as --args 'classes=19, widths=[16, 32]'"
        raise SpecError([Diagnostic("ARCH830", f"invalid arguments `{text}`", help=help)]) from error


def _called(maker: Callable[..., Any], positional: list[Any], named: dict[str, Any], place: str) -> Any:
    try:
        return maker(*positional, **named)
    except Exception as error:  # the model's own code runs
        raise _refused(
            place, f"{type(error).__name__}: {error}; set the arguments of the model with --args"
        ) from error


def _refused(place: str, why: str) -> SpecError:
    return SpecError([Diagnostic("ARCH830", f"cannot construct the model {place}", help=why)])
