"""Files are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from archdsl import atomic


def test_a_text_is_written_as_utf_8_with_its_line_ends(tmp_path: Path):
    atomic.write_text(tmp_path / "new" / "a.arch", "é\r\n")
    assert (tmp_path / "new" / "a.arch").read_bytes() == "é\r\n".encode()


def test_a_file_stays_as_it_was_when_writing_fails(tmp_path: Path):
    path = tmp_path / "a.arch"
    path.write_text("old")

    def fail() -> None:
        with atomic.replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_are_kept_and_new_files_are_readable_as_usual(tmp_path: Path):
    path = tmp_path / "a.arch"
    path.write_text("old")
    path.chmod(0o640)
    atomic.write_text(path, "new")
    assert path.stat().st_mode & 0o777 == 0o640
    (tmp_path / "plain").write_text("")
    atomic.write_text(tmp_path / "fresh", "")
    assert (tmp_path / "fresh").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_link_goes_on_leading_to_its_file(tmp_path: Path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    atomic.write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"
