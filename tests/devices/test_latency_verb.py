"""`archdsl latency`: what is printed, written and returned."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from timing import SPEC

import archdsl
from archdsl.cli import cli


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.arch").write_text(SPEC)


def call(words: str) -> Result:
    result = CliRunner().invoke(cli, words.split())
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_a_table_is_built_and_estimates_with_it():
    done = call("latency build tiny.arch --name Found --passes 2 -o t.json")
    assert done.exit_code == 0
    assert "wrote t.json" in done.stderr
    shown = call("latency estimate tiny.arch --name Found -t t.json")
    assert shown.exit_code == 0
    assert "Found:" in shown.stdout
    assert "final up-sampling inside" in shown.stdout
    data = json.loads(call("latency estimate tiny.arch --name Found -t t.json --json").stdout)
    assert data["complete"]
    assert data["total_ms"] > 0


def test_a_network_whose_rows_are_missing_ends_with_1_and_lists_them():
    call("latency build tiny.arch --name Bare --passes 2 -o t.json")
    shown = call("latency estimate tiny.arch --name Found -t t.json")
    assert shown.exit_code == 1
    assert "at least" in shown.stdout
    assert "missing: body[1].x.right.wide (block 4x8x16 -> 4x8x16)" in shown.stdout


def test_the_rate_of_a_network_whose_rows_are_missing_is_said_to_be_a_bound():
    call("latency build tiny.arch --name Bare --passes 2 -o t.json")
    call("latency build tiny.arch --name Found --passes 2 -o whole.json")
    some = json.loads(Path("whole.json").read_text())
    some["rows"] = some["rows"][:2]
    Path("t.json").write_text(json.dumps({**some, "sha256": "edited"}))
    assert "(at most " in call("latency estimate tiny.arch --name Found -t t.json").stdout
    data = json.loads(call("latency estimate tiny.arch --name Found -t t.json --json").stdout)
    assert data["fps"] is None
    assert data["fps_at_most"] == pytest.approx(1000 / data["total_ms"])
    assert "at most" not in call("latency estimate tiny.arch --name Found -t whole.json").stdout


def test_a_table_of_other_settings_says_which_and_how_to_add_the_rows():
    search = "search Q for Tiny {\n  minimize cross_entropy + log(latency)\n}\n"
    text = SPEC.replace("width = 4)", "width = 4, classes = 5)").replace("conv(c = 5", "conv(c = classes")
    Path("own.arch").write_text(text + search)
    call("latency build own.arch --name Tiny --passes 2 -o t.json")
    data = ("--data", "synthetic:images=4,size=32x64", "--set", "batch=2", "image=3x32x64")
    words = ["search", "own.arch", "--table", "t.json", *data]
    refused = CliRunner().invoke(cli, words)
    assert refused.exit_code == 1
    assert "ARCH824" in refused.stderr
    assert "built with classes = 5, image = as declared" in refused.stderr
    assert "-o TABLE --set classes=11 image=3x32x64" in refused.stderr


def test_a_space_is_estimated_by_sampling():
    call("latency build tiny.arch --name Tiny --passes 2 -o t.json")
    shown = call("latency estimate tiny.arch --name Tiny -t t.json --samples 20 --report page.html")
    assert shown.exit_code == 0
    assert "20 random networks estimated" in shown.stdout
    assert "<svg" in Path("page.html").read_text()


def test_validation_stores_its_calibration_and_writes_pictures_and_raw_results():
    shown = call(
        "latency validate tiny.arch --name Tiny -t t.json --networks 10 --fit 10 --passes 2"
        " --raw raw.json --report p.html"
    )
    assert shown.exit_code == 0
    assert "MACs alone" in shown.stdout
    raw = json.loads(Path("raw.json").read_text())
    assert sum(n["held_out"] for n in raw["networks"]) == 10
    assert "<svg" in Path("p.html").read_text()
    estimated = json.loads(call("latency estimate tiny.arch --name Found -t t.json --json").stdout)
    assert estimated["error_ms"] is not None


def test_a_requirement_that_is_not_met_ends_with_1():
    Path("lookup.json").write_text(json.dumps({"ConvNorm_H8_W8_Cin3_Cout4_kernel3_stride1": 5}))
    call("latency import lookup.json --mapping fasterseg -o t.json")
    text = (
        'arch 1\nimport conv_bn_relu from "std/ops.arch"\nnetwork Net {\n input image: [3, 8, 8]\n'
        " output y = image -> conv_bn_relu(c = 4)\n"
        ' require latency(device = "gtx1080ti") <= 4 ms\n}\n'
    )
    Path("net.arch").write_text(text)
    shown = call("latency estimate net.arch -t t.json")
    assert shown.exit_code == 1
    assert "<= 4 ms: not met" in shown.stdout
    data = json.loads(call("latency estimate net.arch -t t.json --json").stdout)
    assert [r["met"] for r in data["requirements"]] == [False]


def test_a_network_is_measured_whole():
    data = json.loads(call("latency measure tiny.arch --name Found --backend eager --passes 2 --json").stdout)
    assert data["ms"] > 0
    assert data["final_upsampling"] == "inside"
    assert "onnxruntime" in call("latency measure tiny.arch --name Found --passes 2").stdout


def test_a_stale_table_is_said_to_be_one_in_the_report():
    call("latency build tiny.arch --name Found --passes 2 -o t.json")
    text = Path("t.json").read_text().replace('"float32"', '"float16"')
    Path("t.json").write_text(json.dumps({**json.loads(text), "sha256": "edited"}))
    refused = call("latency estimate tiny.arch --name Found -t t.json")
    assert refused.exit_code == 1
    assert "ARCH821" in refused.stderr
    allowed = call("latency estimate tiny.arch --name Found -t t.json --allow-stale --report p.html")
    assert "stale: dtype: float16 in the table, float32 here" in allowed.stdout
    assert "stale: dtype" in Path("p.html").read_text()


def test_a_table_for_other_threads_or_another_backend_is_refused():
    call("latency build tiny.arch --name Found --passes 2 -o t.json")
    for wanted in ("--threads 2", "--backend eager"):
        refused = call(f"latency estimate tiny.arch --name Found -t t.json {wanted}")
        assert refused.exit_code == 1
        assert "ARCH821" in refused.stderr


def test_an_estimate_imports_neither_torch_nor_a_runtime():
    call("latency build tiny.arch --name Found --passes 2 -o t.json")
    code = (
        "import sys; from archdsl.cli import run;"
        "code = run(['latency', 'estimate', 'tiny.arch', '--name', 'Found', '-t', 't.json']);"
        "sys.exit(code or bool({'torch', 'onnxruntime', 'onnx'} & set(sys.modules)))"
    )
    root = Path(archdsl.__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(root)}, check=False
    )
    assert done.returncode == 0


def test_a_foreign_table_is_imported():
    Path("lookup.json").write_text(json.dumps({"head_H8_W8_Cin4_Cout2": 0.25}))
    done = call("latency import lookup.json --mapping fasterseg -o t.json --json")
    assert json.loads(done.stdout)["rows"] == 1
    assert json.loads(Path("t.json").read_text())["device"]["model"] == "GTX 1080 Ti"


@pytest.mark.parametrize(
    "words",
    [
        "latency measure tiny.arch --name Tiny",
        "latency build tiny.arch --image wide",
        "latency build tiny.arch --device cuda",
        "latency validate tiny.arch --name Found",
        "latency estimate tiny.arch -t absent.json",
    ],
)
def test_what_makes_no_sense_is_a_mistake_of_use(words: str):
    assert call(words).exit_code == 2


def test_a_runtime_that_cannot_be_imported_is_one_message_and_no_table(monkeypatch, capsys):
    from archdsl.cli import run

    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert run(["latency", "build", "tiny.arch", "--name", "Found", "--passes", "2", "-o", "t.json"]) == 1
    assert capsys.readouterr().err.count("`onnxruntime` is not installed") == 1
    assert not Path("t.json").exists()
