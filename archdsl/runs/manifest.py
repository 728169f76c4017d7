"""The manifest of a run: its inputs, for reproduction and resuming."""

from __future__ import annotations

import json
import platform
import shlex
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from archdsl import atomic, checksums, plugins
from archdsl.data.dataset import Splits
from archdsl.data.files import Files
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.runs.limits import demand_within

_SEALED = 2
"""The first version of manifests that have a checksum."""

_PACKAGES = ("archdsl", "torch", "numpy", "pillow", "safetensors")


PluginName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,200}$")]


class Manifest(BaseModel):
    """The inputs of a run, as written to its folder.

    `spec` is the text of the spec, `spec_sha256` the hash of the graph of its network or space. `data` and
    `settings` are JSON values by name; `data` contains the fingerprints of the datasets. `plugins` maps the
    names of plug-ins to their versions.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: str
    version: int = Field(ge=1, le=_SEALED)
    name: str
    spec: str
    spec_sha256: str
    data: dict[str, Any]
    settings: dict[str, Any]
    seed: int
    device: str
    command: list[str]
    versions: dict[str, str]
    machine: str
    plugins: dict[PluginName, str] = {}

    def write(self, path: Path) -> None:
        """Writes the file atomically, with a checksum."""
        sealed = checksums.sealed({**json.loads(self.model_dump_json()), "version": _SEALED})
        atomic.write_text(path, json.dumps(sealed, indent=2, ensure_ascii=False) + "\n")


class _Data(BaseModel):
    """The dataset of a search, with settings."""

    kind: str
    settings: dict[str, Any]


class _Settings(BaseModel):
    """The types of the settings that a resumed run takes from its manifest."""

    set: dict[str, Any] = {}
    name: str | None = None
    search: str | None = None
    table: str | list[str] | None = None
    amp: str | None = None
    channels_last: bool = False


class _OfSearch(_Settings):
    data: _Data | None = None
    checkpoint: bool = False
    passes: str | None = None
    baseline: str | None = None


class _Teacher(BaseModel):
    """The files of a teacher."""

    spec: str
    weights: str


class _OfTrain(_Settings):
    data: str | None = None
    licence: str = ""
    class_weights_rule: str | None = None
    loss: str = ""
    crop: Annotated[list[int], Field(min_length=2, max_length=2)] | None = None
    scale: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    flip: bool = True
    aux: dict[str, float] = {}
    distill_loss: str | None = None
    teacher_files: _Teacher | None = None


_KINDS: Mapping[str, type[_Settings]] = {"archdsl/search-run": _OfSearch, "archdsl/train-run": _OfTrain}


def manifest(
    kind: str, *, name: str, spec: str, spec_sha256: str, data: Mapping[str, Any],
    settings: Mapping[str, Any], seed: int, device: str, command: Sequence[str],
) -> Manifest:  # fmt: skip
    """The manifest of a run of a kind ("train", "search") on this machine."""
    return Manifest(
        format=f"archdsl/{kind}-run",
        version=_SEALED,
        name=name,
        spec=spec,
        spec_sha256=spec_sha256,
        data=json.loads(json.dumps(dict(data))),  # as it will be when read back: tuples are lists
        settings=json.loads(json.dumps(dict(settings))),
        seed=seed,
        device=device,
        command=list(command),
        versions={"python": platform.python_version(), **{p: version(p) for p in _PACKAGES}},
        machine=platform.platform(),
        plugins=dict(plugins.used()),
    )


def described(splits: Splits) -> dict[str, Any]:
    """The entry `data` of a manifest: name, classes, and sizes and fingerprints of the splits."""
    train, val = splits.train, splits.val
    return {
        "name": train.name, "classes": list(train.classes),
        "training images": len(train), "validation images": len(val),
        "training sha256": train.fingerprint(), "validation sha256": val.fingerprint(),
        **(train.described() if isinstance(train, Files) else {}),
    }  # fmt: skip


def run_kind(path: Path) -> str:
    """The kind of the run of a manifest: "train" or "search". Raises SpecError (ARCH911) for other files."""
    return _kind(_manifest(path))


def _kind(found: Manifest) -> str:
    return found.format.removeprefix("archdsl/").removesuffix("-run")


def read_manifest(path: Path, kind: str) -> Manifest:
    """Reads the manifest of a run of a kind ("train", "search").

    Raises SpecError: ARCH911 if the file is missing, of another kind, modified or invalid; ARCH933 for a
    number out of range; ARCH867 for a plug-in that is not loaded.
    """
    found = _manifest(path)
    if found.format != f"archdsl/{kind}-run":
        raise SpecError([_of_another_kind(path.parent, found, kind)])
    plugins.demand_used(found.plugins, path.parent)
    return found


def demand_settings(path: Path, found: Manifest, names: Sequence[str]) -> None:
    """Raises SpecError (ARCH911) if a manifest lacks settings with these names."""
    lacking = [name for name in names if name not in found.settings]
    if lacking:
        raise SpecError([_no_run(path, f"settings.{lacking[0]}: missing")])


def _manifest(path: Path) -> Manifest:
    try:
        data = json.loads(path.read_bytes().decode("utf-8"))
        data, checksum = checksums.unsealed(data) if isinstance(data, dict) else (data, None)
        found = Manifest.model_validate(data, strict=True)
        _KINDS.get(found.format, _Settings).model_validate(found.settings, strict=True)
        TypeAdapter(list[str]).validate_python(found.data.get("classes", []), strict=True)
        demand_within({**found.settings, "seed": found.seed}, f"{path}: ")
        if not checksums.is_intact(data, checksum, demanded=found.version >= _SEALED):
            raise SpecError([_changed(path)])
        return found
    except FileNotFoundError as error:
        raise SpecError([_no_run(path, "manifest.json not found")]) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise SpecError([_no_run(path, f"{where}: {first['msg']}" if where else first["msg"])]) from error
    except (ValueError, RecursionError) as error:
        raise SpecError([_no_run(path, "manifest.json is not valid JSON")]) from error


def differences(before: Manifest, now: Manifest, free: Sequence[str] = ()) -> list[str]:
    """Describes how a resumed run differs from the recorded one in spec, seed, data and settings.

    Settings named in `free` may differ, as may machine, device and versions.
    """
    found = []
    if before.spec_sha256 != now.spec_sha256:
        found.append(
            f"the spec: {before.name} {before.spec_sha256[:12]}, now {now.name} {now.spec_sha256[:12]}"
        )
    if before.seed != now.seed:
        found.append(f"seed: {before.seed}, now {now.seed}")
    for part in ("data", "settings"):
        old, new = getattr(before, part), getattr(now, part)
        names = [name for name in {**old, **new} if name not in free and old.get(name) != new.get(name)]
        label = "data " if part == "data" else ""
        found += [f"{label}{name}: {old.get(name)}, now {new.get(name)}" for name in names]
    return found


def refuse_differences(folder: Path, different: Sequence[str]) -> None:
    """Raises SpecError (ARCH912) if there are differences between a resumed run and the recorded one."""
    if different:
        headline = f"{folder} is a run with different inputs"
        help = f"{'; '.join(different)}. Start a new run in another folder"
        raise SpecError([Diagnostic("ARCH912", headline, help=help)])


def _no_run(path: Path, why: str) -> Diagnostic:
    return Diagnostic("ARCH911", f"cannot read {path.parent} as a run: {why}")


def _of_another_kind(folder: Path, found: Manifest, kind: str) -> Diagnostic:
    names = {"train": "a training", "search": "a search"}
    own = _kind(found)
    headline = f"{folder} is {names.get(own, found.format)}, not {names[kind]}"
    help = (
        f"resume it by archdsl {shlex.join([own, 'SPEC', '--resume', str(folder)])}" if own in names else None
    )
    return Diagnostic("ARCH911", headline, help=help)


def _changed(path: Path) -> Diagnostic:
    headline = f"cannot resume {path.parent}: manifest.json was modified, or is damaged"
    return Diagnostic("ARCH911", headline, help=f"restore it from a copy; or, {checksums.HOW}")
