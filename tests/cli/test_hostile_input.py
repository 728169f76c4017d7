"""Files, names and streams of strangers: verbs end in a result or a diagnostic, and print no escapes."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from onnxruntime.capi.onnxruntime_pybind11_state import Fail

from archdsl import cli
from archdsl.cli.printing import Printed, printed

NET = """arch 1
network N {
  input image: [3, 8, 8]
  output y = image -> conv(c = 8)
}
"""


@pytest.fixture
def net(tmp_path: Path) -> str:
    path = tmp_path / "n.arch"
    path.write_text(NET)
    return str(path)


def table(**calibration: object) -> str:
    accuracy = dict.fromkeys(("networks", "spearman", "kendall", "within_5", "within_10"), 1)
    accuracy |= {"mean_error": 0, "worst_error": 0}
    whole = {
        "scale": 1, "per_unit_ms": 0, "fixed_ms": 0, "error": 0.1, "form": "sum", "fitted_on": 1, "seed": 0,
        "final_upsampling": "", **dict.fromkeys(("held_out", "rows_alone", "macs_alone"), accuracy),
    }  # fmt: skip
    return json.dumps({
        "device": {"kind": "cpu", "model": "x"}, "runtime": {"backend": "other"},
        "protocol": {"threads": 1, "batch": 1, "dtype": "float32", "memory_format": "c", "statistic": "low"},
        "rows": [], "calibration": {**whole, **calibration},
    })  # fmt: skip


HOSTILE_JSON = {
    "deep": "[" * 200_000,
    "deep objects": '{"a":' * 100_000,
    "a long number": '{"rows": ' + "9" * 5_000 + "}",
    "not a number": '{"rows": NaN}',
    "a list": "[1, 2]",
    "a string": '"x"',
    "null": "null",
    "nothing": "",
    "bytes": "\ufffd",
    "a calibration of 1e308": table(scale=1e308),
    "corrections of 1e308": table(corrections_ms={"a": 1e308, "b": 1e308}),
    "an infinite error": table(error=1e400),
}


@pytest.mark.parametrize("kind", HOSTILE_JSON)
def test_a_hostile_table_is_refused_at_its_place(kind: str, net: str, tmp_path: Path, capsys):
    path = tmp_path / "table.json"
    path.write_text(HOSTILE_JSON[kind])
    assert cli.run(["latency", "estimate", net, "--table", str(path)]) == 1
    assert "error[ARCH820]" in capsys.readouterr().err


MAPPINGS = {
    **{kind: text for kind, text in HOSTILE_JSON.items() if "calibration" not in kind},
    "extends itself": '{"extends": "HERE"}',
    "extends a number": '{"extends": 3}',
    "extends a list": '{"extends": ["fasterseg"]}',
    "rules are a number": '{"extends": "fasterseg", "rules": 3}',
    "notes are an object": '{"extends": "fasterseg", "notes": {}}',
    "rules hold a number": '{"extends": "fasterseg", "rules": [3]}',
    "nothing in it": "{}",
}


@pytest.mark.parametrize("kind", MAPPINGS)
def test_a_hostile_mapping_is_refused(kind: str, tmp_path: Path, capsys):
    path, entries = tmp_path / "mapping.json", tmp_path / "entries.json"
    path.write_text(MAPPINGS[kind].replace("HERE", str(path)))
    entries.write_text('{"a": 1}')
    words = ["latency", "import", str(entries), "--mapping", str(path), "-o", str(tmp_path / "t.json")]
    assert cli.run(words) == 1
    assert "error[ARCH822]" in capsys.readouterr().err


def test_mappings_that_extend_one_another_in_a_circle_are_refused(tmp_path: Path, capsys):
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    one.write_text(json.dumps({"extends": str(two)}))
    two.write_text(json.dumps({"extends": str(one)}))
    assert cli.run(["latency", "import", str(one), "--mapping", str(one), "-o", str(tmp_path / "t")]) == 1
    assert "extends itself" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["device", "pipe", "folder"])
def test_what_is_no_regular_file_is_not_read_as_a_table(kind: str, net: str, tmp_path: Path, capsys):
    path = tmp_path / "it"
    if kind == "device":
        path = Path("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    assert cli.run(["latency", "estimate", net, "--table", str(path)]) in (1, 2)
    assert cli.run(["latency", "import", str(path), "--mapping", "fasterseg", "-o", str(tmp_path / "t")]) in (
        1,
        2,
    )
    assert cli.run(["check", str(path)]) == 2
    assert "internal" not in capsys.readouterr().err


REFUSED = [
    MemoryError(), RecursionError(), OverflowError("x"), OSError(28, "No space"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    Fail("bfc_arena.cc:360 Failed to allocate memory for requested buffer of size 576034560"),
]  # fmt: skip


@pytest.mark.parametrize("error", REFUSED)
def test_what_the_machine_refuses_is_a_diagnostic(error: Exception, net: str, monkeypatch, capsys):
    from archdsl.cli import opening

    def fail(*_: object) -> None:
        raise error

    monkeypatch.delenv("ARCHDSL_DEBUG", raising=False)
    monkeypatch.setattr(opening, "load", fail)
    assert cli.run(["cost", net]) == 1
    assert "error[ARCH71" in capsys.readouterr().err
    assert cli.run(["cost", net, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["diagnostics"][0]["code"].startswith("ARCH71")


def test_another_error_is_still_reported_as_internal(net: str, monkeypatch, capsys):
    from archdsl.cli import opening

    monkeypatch.delenv("ARCHDSL_DEBUG", raising=False)
    monkeypatch.setattr(opening, "load", lambda *_: 1 / 0)
    assert cli.run(["cost", net]) == 70
    assert "please report it" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a Linux device")
@pytest.mark.parametrize(
    "words", [["explain", "ARCH301"], ["--version"], ["check"], ["explain"], ["fmt", "-"]]
)
def test_a_full_standard_output_is_a_diagnostic_with_exit_code_1(words: list[str], net: str):
    words = words if len(words) > 1 or words == ["--version"] else [*words, net]
    with open("/dev/full", "w") as full, open(net) as text:
        done = subprocess.run(
            [sys.executable, "-m", "archdsl", *words],
            stdin=text,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    assert "error[ARCH719]" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


ESCAPES = ["\x1b]0;title\x07", "\x1b[2J", "\x9b2J", "\u202e", "\r\x1b[1A", "\x08\x7f", "\x1b[8m"]
FORBIDDEN = set("\x00\x07\x08\x0b\r\x1b\x7f\x9b\u202e")


@pytest.mark.parametrize("escape", ESCAPES)
def test_no_escape_of_a_name_or_a_comment_is_printed(escape: str, tmp_path: Path, capsys):
    path = tmp_path / f"n{escape}.arch"
    path.write_text(NET.replace("conv(c = 8)", f"conv(c = 0)  # {escape}"))
    json_table = tmp_path / f"{escape}.json"
    json_table.write_text(table().replace('"x"', json.dumps(escape)))
    for words in (["check", str(path)], ["check", str(path), "--json"], ["check", f"no{escape}"], [escape],
                  ["explain", str(path)], ["cost", str(path), "--set", f"k={escape}"],
                  ["check", "--x" + escape],
                  ["check", str(path), "--format", "sarif"], ["fmt", "--check", str(path)],
                  ["latency", "estimate", str(path), "--table", str(json_table)]):  # fmt: skip
        cli.run(words)
        out, err = capsys.readouterr()
        assert not FORBIDDEN & set(out + err), words


def test_a_document_for_a_file_is_not_changed_and_one_on_a_terminal_is():
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for kind, shown in ((io.StringIO, "# \x1b[2J\n"), (Terminal, "# ␛[2J\n")):
        stream = kind()
        Printed(stream).document("# \x1b[2J\n")
        assert stream.getvalue() == shown


def test_a_bar_may_write_over_its_line_and_colours_stay(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    with printed():
        print("\r10 %", end="")
        print("\x1b[1;31mred\x1b[0m and\r\x1b[5mnot")
    assert stream.getvalue() == "\r10 %\x1b[1;31mred\x1b[0m and␍␛[5mnot\n"


def test_streams_that_can_only_write_and_flush_are_enough(net: str, monkeypatch):
    class Least:
        text = ""

        def write(self, text: str) -> int:
            Least.text += text
            return len(text)

        def flush(self) -> None:
            pass

    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, Least())
    assert [
        cli.run(words) for words in (["check", net], ["check", net + "x"], ["explain", net, "--json"])
    ] == [
        0,
        2,
        0,
    ]
    assert "well-typed" in Least.text


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_stream_of_any_encoding_and_without_reconfigure_is_printed_to(encoding: str, net: str, monkeypatch):
    raw = io.BytesIO()

    class Plain:
        def __init__(self) -> None:
            self.encoding = encoding

        def write(self, text: str) -> int:
            return raw.write(text.encode(self.encoding))

        def flush(self) -> None:
            pass

    monkeypatch.setattr(sys, "stdout", Plain())
    with pytest.raises(SystemExit) as ended:
        cli.main(["explain", net])
    assert ended.value.code == 0
    assert b"conv" in raw.getvalue()


def test_a_setting_of_5000_digits_is_refused(net: str, capsys):
    for given in ("9" * 5_000, "9" * 5_000 + "x8x8", "1e" + "9" * 5_000):
        assert cli.run(["check", net, "--set", f"image={given}"]) == 1
    assert cli.run(["sample", net, "--seed", "9" * 5_000]) == 2
    assert "error[ARCH208]" in capsys.readouterr().out
