"""The parse tables that are kept between processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from archdsl.lang.parse_tables import Tables, load_tables

NO_LARK = """\
import sys
from archdsl.lang.parse_tables import Tables, load_tables
load_tables()
print("lark" in sys.modules)
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "archdsl"


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tables, Path]:
    """Tables, and the file in which they are kept."""
    folder = tmp_path_factory.mktemp("tables")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        return load_tables(), kept(folder / "archdsl")[0]


def damaged(cache: Path, file: Path, content: bytes) -> Path:
    shutil.copytree(file.parent, cache)
    copy = cache / file.name
    copy.write_bytes(content)
    return copy


def kept(cache: Path) -> list[Path]:
    return sorted(cache.iterdir()) if cache.is_dir() else []


def test_tables_are_kept_and_found_again(cache: Path):
    built = load_tables()
    (file,) = kept(cache)
    assert load_tables() == built
    assert kept(cache) == [file]


def test_where_the_tables_are_kept_lark_is_not_imported(cache: Path):
    def run() -> str:
        return subprocess.run(
            [sys.executable, "-c", NO_LARK], capture_output=True, text=True, check=True
        ).stdout

    assert (run(), run()) == ("True\n", "False\n")


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_only_the_user_may_read_what_is_kept(cache: Path):
    load_tables()
    assert cache.stat().st_mode & 0o077 == 0
    assert kept(cache)[0].stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", [b"", b"{}", b"12\n{}", b"\xff\n\xff", b"3523407757\n{}", b"0\n"])
def test_a_damaged_file_is_replaced(cache: Path, damage: bytes, once: tuple[Tables, Path]):
    built, file = once
    copy = damaged(cache, file, damage)
    assert load_tables() == built
    assert copy.read_bytes() == file.read_bytes()


def test_a_cut_off_file_is_replaced(cache: Path, once: tuple[Tables, Path]):
    built, file = once
    copy = damaged(cache, file, file.read_bytes()[:-1])
    assert load_tables() == built
    assert copy.read_bytes() == file.read_bytes()


def test_without_a_folder_for_them_tables_are_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    built = load_tables()
    (tmp_path / "file").write_text("not a folder")
    for place in (tmp_path / "file", Path("/proc/nowhere"), Path("relative")):
        monkeypatch.setenv("XDG_CACHE_HOME", str(place))
        assert load_tables() == built
    assert not Path("relative").exists()


def test_no_half_written_file_stays_where_it_cannot_be_put(cache: Path):
    load_tables()
    (file,) = kept(cache)
    file.unlink()
    file.mkdir()
    (file / "in the way").touch()
    load_tables()
    assert kept(cache) == [file]
