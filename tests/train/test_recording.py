"""Journals that lose nothing that was written, and manifests that say what a run was."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest
import small

from archdsl.diagnostics import SpecError
from archdsl.runs.journal import Journal
from archdsl.runs.lines import read_records
from archdsl.runs.manifest import Manifest, manifest, read_manifest
from archdsl.train.folder import FREE, RunFolder

RECORDS = [{"step": 1, "loss": 0.1}, {"step": 2, "name": "größer"}, {"step": 3, "miou": None}]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "run" / "journal.jsonl"
    made = Journal(path)
    for record in RECORDS:
        made.write(record)
    assert made.records() == RECORDS
    return path


def test_what_was_written_is_there_after_opening_again_and_is_added_to(journal: Path):
    again = Journal(journal)
    assert len(again) == 3
    again.write({"step": 4})
    assert again.records() == [*RECORDS, {"step": 4}]


def test_a_last_line_that_was_cut_off_anywhere_is_dropped(journal: Path):
    data = journal.read_bytes()
    start_of_last = data[:-1].rindex(b"\n") + 1
    for end in range(start_of_last, len(data)):
        journal.write_bytes(data[:end])
        assert read_records(journal) == RECORDS[:2]
        again = Journal(journal)
        assert (len(again), again.records()) == (2, RECORDS[:2])
        again.write(RECORDS[2])
        assert journal.read_bytes() == data


def test_zeros_that_a_crash_left_at_the_end_are_dropped(journal: Path):
    journal.write_bytes(journal.read_bytes() + b"\0" * 100 + b"\n")
    again = Journal(journal)
    assert again.records() == RECORDS


def test_records_after_a_checkpoint_can_be_cut_and_written_anew(journal: Path):
    whole = journal.read_bytes()
    again = Journal(journal)
    again.cut(1)
    assert again.records() == RECORDS[:1]
    for record in RECORDS[1:]:
        again.write(record)
    assert journal.read_bytes() == whole


def test_a_journal_shorter_than_its_checkpoint_is_refused(journal: Path):
    again = Journal(journal)
    with pytest.raises(SpecError, match="ARCH911"):
        again.cut(4)


DAMAGED = [
    b"\xff\xfe",
    b"\0" * 9,
    b"[" * 200_000,
    b'{"step": ' + b"9" * 5_000 + b"}",
    b"7",
    b'{"step": 1',
    b"",
]


@pytest.mark.parametrize("line", DAMAGED, ids=range(len(DAMAGED)))
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_damaged_line_destroys_no_other_and_is_kept_beside(line: bytes, at: int, journal: Path):
    whole = Journal(journal)
    mark = whole.mark()
    lines = journal.read_bytes().splitlines()
    lines[at] = line
    damaged = b"".join(one + b"\n" for one in lines)
    journal.write_bytes(damaged)
    left = [record for n, record in enumerate(RECORDS) if n != at]
    assert read_records(journal) == left
    again = Journal(journal)
    assert journal.read_bytes() == damaged
    again.cut(*mark, step=3)
    assert again.records() == left
    (note,) = again.notes
    again.write({"step": 4})
    assert again.records() == [*left, {"step": 4}]
    assert "journal.damaged-1.jsonl" in note
    assert journal.with_name("journal.damaged-1.jsonl").read_bytes() == damaged


def test_a_number_that_was_changed_in_a_journal_is_noticed(journal: Path):
    whole = Journal(journal)
    mark = whole.mark()
    journal.write_bytes(journal.read_bytes().replace(b"0.1", b"0.3"))
    again = Journal(journal)
    again.cut(*mark, step=3)
    assert "is damaged" in again.notes[0]


def test_a_journal_is_not_cut_to_nothing_unseen(journal: Path):
    data = journal.read_bytes()
    again = Journal(journal)
    again.cut(0)
    assert (len(again), len(again.notes)) == (0, 1)
    assert journal.with_name("journal.damaged-1.jsonl").read_bytes() == data


def test_a_full_disk_leaves_whole_lines_and_the_journal_goes_on_when_there_is_room(
    journal: Path, monkeypatch
):
    class Full:
        """A file on a disk with room for three more bytes."""

        def __init__(self, file):
            self.file, self.room = file, 3

        def write(self, data: bytes) -> int:
            if self.room == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            written, self.room = self.file.write(data[: self.room]), 0
            return written

        def __getattr__(self, name: str):
            return getattr(self.file, name)

        def __enter__(self):
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

    data = journal.read_bytes()
    again = Journal(journal)
    with monkeypatch.context() as patched:
        patched.setattr(again, "_open", lambda: Full(journal.open("ab", buffering=0)))
        with pytest.raises(SpecError, match="ARCH917"):
            again.write({"step": 4})
    assert journal.read_bytes() == data
    again.write({"step": 4})
    assert again.records() == [*RECORDS, {"step": 4}]


def test_what_is_no_number_is_not_written(journal: Path):
    again = Journal(journal)
    with pytest.raises(ValueError, match="JSON"):
        again.write({"loss": float("nan")})
    assert again.records() == RECORDS


def made(**changes: object) -> Manifest:
    given = {
        "name": "Small", "spec": small.SPEC, "spec_sha256": "a" * 64, "data": {"training sha256": "x"},
        "settings": asdict(small.RECIPE), "seed": 7, "device": "cpu", "command": ["archdsl", "train"],
    }  # fmt: skip
    return manifest("train", **{**given, **changes})  # type: ignore[arg-type]


def test_a_manifest_comes_back_as_it_was_written(tmp_path: Path):
    path = tmp_path / "manifest.json"
    made().write(path)
    found = read_manifest(path, "train")
    assert found == made()
    assert found.versions.keys() >= {"python", "archdsl", "torch"}


@pytest.mark.parametrize("text", ["", "{}", '{"format": "archdsl/train-run"}', "[1]", "\0"])
def test_what_is_no_manifest_is_said_to_be_none(text: str, tmp_path: Path):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(SpecError, match="ARCH911"):
        read_manifest(tmp_path / "manifest.json", "train")


def test_a_run_of_another_kind_is_not_gone_on_with(tmp_path: Path):
    made().write(tmp_path / "manifest.json")
    with pytest.raises(SpecError, match=r"ARCH911.*is a training, not a search"):
        read_manifest(tmp_path / "manifest.json", "search")


def test_a_run_goes_on_in_its_folder_whatever_machine_it_is_on(tmp_path: Path):
    RunFolder(tmp_path).start(made())
    elsewhere = made(device="cuda:0", command=["archdsl", "train", "--resume"])
    RunFolder(tmp_path).resume("train", elsewhere, FREE)
    assert RunFolder(tmp_path).checkpoints.latest() is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"spec_sha256": "b" * 64}, "the spec: Small aaaaaaaaaaaa, now Small bbbbbbbbbbbb"),
        ({"data": {"training sha256": "y"}}, "data training sha256: x, now y"),
        ({"settings": {**asdict(small.RECIPE), "lr": 1.0}}, "lr: 0.05, now 1.0"),
        ({"seed": 8}, "seed: 7, now 8"),
    ],
)
def test_a_run_of_something_else_is_refused_with_what_differs(change: dict, said: str, tmp_path: Path):
    RunFolder(tmp_path).start(made())
    with pytest.raises(SpecError, match="ARCH912") as caught:
        RunFolder(tmp_path).resume("train", made(**change), FREE)
    assert str(caught.value.diagnostics[0].help).startswith(said)


def test_a_folder_with_a_run_takes_no_other(tmp_path: Path):
    RunFolder(tmp_path).start(made())
    with pytest.raises(SpecError, match="ARCH919"):
        RunFolder(tmp_path).start(made())


def changed(path: Path, **settings: object) -> None:
    """Writes a manifest whose settings were changed by hand."""
    data = json.loads(path.read_text())
    data["settings"].update(settings)
    path.write_text(json.dumps(data))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("epochs", -5, "an integer from 1 to 1,000,000"),
        ("epochs", 2.5, "an integer"),
        ("lr", float("nan"), "a number > 0 and <= 1,000"),
        ("lr", float("inf"), "a number > 0"),
        ("ema", float("nan"), "a number >= 0 and < 1"),
        ("scale", [0.5, float("nan")], "a number > 0"),
        ("colour", "much", "a number from 0 to 1"),
        ("batch", None, "an integer"),
    ],
)
def test_numbers_of_a_manifest_are_in_their_range(name: str, value: object, said: str, tmp_path: Path):
    path = tmp_path / "manifest.json"
    made().write(path)
    changed(path, **{name: value})
    with pytest.raises(SpecError, match=f"ARCH933.*`{name}`") as caught:
        read_manifest(path, "train")
    assert f"must be {said}" in caught.value.diagnostics[0].headline


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("loss", 3), ("crop", "32"), ("crop", [32]), ("scale", [1.0]), ("flip", "no"), ("aux", [0.4]),
        ("aux", {"y": "x"}), ("amp", True), ("channels_last", 1), ("set", []), ("data", {"kind": "camvid"}),
        ("distill_loss", 1), ("teacher_files", {"spec": "t.arch"}), ("teacher_files", []),
    ],
)  # fmt: skip
def test_settings_of_a_manifest_have_the_types_that_a_training_takes(
    name: str, value: object, tmp_path: Path
) -> None:
    path = tmp_path / "manifest.json"
    made().write(path)
    changed(path, **{name: value})
    with pytest.raises(SpecError, match=f"ARCH911.*{name}"):
        read_manifest(path, "train")


def test_a_manifest_that_was_changed_is_refused_until_it_says_that_it_was(tmp_path: Path):
    path = tmp_path / "manifest.json"
    made().write(path)
    changed(path, lr=0.04)
    with pytest.raises(SpecError, match=r"ARCH911.*modified") as caught:
        read_manifest(path, "train")
    assert '"sha256": "edited"' in str(caught.value.diagnostics[0].help)
    path.write_text(json.dumps({**json.loads(path.read_text()), "sha256": "edited"}))
    assert read_manifest(path, "train").settings["lr"] == 0.04


@pytest.mark.parametrize("lost", ["sha256", "version"])
def test_a_manifest_that_lost_its_checksum_or_its_version_is_refused(lost: str, tmp_path: Path):
    path = tmp_path / "manifest.json"
    made().write(path)
    data = json.loads(path.read_text())
    del data[lost]
    path.write_text(json.dumps(data))
    with pytest.raises(SpecError, match="ARCH911"):
        read_manifest(path, "train")


def test_a_manifest_of_version_1_which_has_no_checksum_is_read(tmp_path: Path):
    path = tmp_path / "manifest.json"
    made().write(path)
    data = json.loads(path.read_text())
    del data["sha256"]
    path.write_text(json.dumps({**data, "version": 1}))
    assert read_manifest(path, "train").settings == made().settings


@pytest.mark.parametrize("settings", [{"set": 3}, {"data": {"kind": 1}}, {"name": [1]}, {"table": {}}])
def test_settings_of_other_types_are_said_to_be(settings: dict, tmp_path: Path):
    path = tmp_path / "manifest.json"
    made().write(path)
    changed(path, **settings)
    with pytest.raises(SpecError, match="ARCH911"):
        read_manifest(path, "train")


@pytest.mark.parametrize("data", [b"\xff\xfe", b"[" * 200_000, b"9" * 5_000, b"\0" * 20, b"nu"])
def test_bytes_that_are_no_manifest_are_said_to_be_none(data: bytes, tmp_path: Path):
    (tmp_path / "manifest.json").write_bytes(data)
    with pytest.raises(SpecError, match="ARCH911"):
        read_manifest(tmp_path / "manifest.json", "train")
