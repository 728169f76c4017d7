"""`archdsl search --table`: tables of files, for other devices, and for this machine."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

import archdsl
from archdsl.cli import run
from archdsl.devices import cache
from archdsl.devices.estimate import latency_ms
from archdsl.devices.measure import Timer
from archdsl.devices.rounds import TimingPlan
from archdsl.devices.runtimes import Run
from archdsl.devices.table import Round, read
from archdsl.ir import Graph
from archdsl.passes.costs.cost import costs, total
from archdsl.runs.lines import read_records
from small_lattice import small_spec

SPECS = Path(__file__).resolve().parents[2] / "specs"

SPEC = """arch 1

import conv_bn_relu, sep1 from "std/ops.arch"

space Toy(; classes = 11) {
  input image: [3, 32, 64]
  x = image -> conv_bn_relu(c = 4, s = 4)
  way = one of {conv_bn_relu, sep1}
  y = x -> way -> conv(c = classes, k = 1)
  output logits = y -> upsample(like = image)
  require latency(device = "titan_xp") <= 1 s
}

search Quick for Toy {
  strategy = differentiable(epochs = 2)
  data = synthetic(images = 4, batch = 2, size = [32, 64])
  minimize cross_entropy + 0.1 * log(latency(device = "titan_xp"))
}
"""


@dataclass(frozen=True)
class PretendTimer(Timer):
    """Takes 1 ms a call, and as long again for each 100,000 MACs, on a device as fast as that or faster."""

    faster: float = 1.0

    def prepare(self, graph: Graph) -> Run:
        def call() -> None:
            pass

        call.ms = (1 + total(costs(graph).values()).macs / 1e5) / self.faster  # type: ignore[attr-defined]
        return call

    def time(self, run: Run, seconds: float, least: int) -> Round:
        ms: float = run.ms  # type: ignore[attr-defined]
        return Round(median_ms=ms, low_ms=ms, iqr_ms=0.01, runs=least)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "TIMER", PretendTimer("onnxruntime"))
    monkeypatch.setattr(cache, "PLAN", TimingPlan(rounds=2))
    Path("toy.arch").write_text(SPEC)


def search(*words: str) -> int:
    return run(["search", "toy.arch", "--out", "run", *words])


def settings() -> dict:
    return json.loads(Path("run/manifest.json").read_text())["settings"]


def cached() -> Path:
    (path,) = Path("cache/archdsl").glob("latency-*.json")
    return path


def test_a_search_for_another_device_says_how_to_run_it_here(capsys):
    assert search() == 1
    said = capsys.readouterr().err
    assert "--table auto" in said
    assert not Path("run").exists()


def test_auto_times_what_is_missing_says_so_and_stands_for_the_device(capsys):
    assert search("--table", "auto") == 0
    said = capsys.readouterr()
    assert "of Toy on this machine" in said.err
    assert "`titan_xp` uses the table of" in said.out
    assert list(settings()["latency devices"]) == ["titan_xp"]
    assert "Latency of titan_xp uses a table of" in Path("run/report.html").read_text("utf-8")
    assert "was not checked" not in said.out  # the requirement, which is on that device


def test_what_was_timed_is_not_timed_again_and_more_is_added(capsys):
    assert search("--table", "auto") == 0
    before = cached().read_bytes()
    capsys.readouterr()
    assert run(["search", "toy.arch", "--out", "again", "--table", "auto"]) == 0
    assert "timing" not in capsys.readouterr().err
    assert cached().read_bytes() == before
    words = ["search", "toy.arch", "--out", "wider", "--table", "auto", "--set", "image=3x64x64"]
    assert run(words) == 0
    Path("before.json").write_bytes(before)
    first, now = read(Path("before.json")), read(cached())
    assert {row.key for row in first.rows} < {row.key for row in now.rows}


def test_a_table_that_was_stopped_while_it_was_built_is_completed():
    class Stopped(Exception):
        pass

    def stop(progress: object) -> None:
        raise Stopped

    from archdsl import load

    space = load("toy.arch").space()
    with pytest.raises(Stopped):
        cache.complete(cache.missing(space), stop)
    some = len(cache.missing(space).units)
    assert some
    found = cache.complete(cache.missing(space))
    assert cache.missing(space).units == {}
    assert all(len(row.passes) >= 2 for row in found.rows)


def test_a_search_goes_on_with_the_table_that_it_began_with(monkeypatch):
    import itertools
    from contextlib import nullcontext

    assert search("--table", "auto") == 0
    whole = Path("run/journal.jsonl").read_bytes()
    with monkeypatch.context() as patched:
        count = itertools.count(1)
        patched.setattr("archdsl.cli.stopping.stop_signals", lambda: nullcontext(lambda: next(count) > 1))
        assert run(["search", "toy.arch", "--out", "parts", "--table", "auto"]) == 130
    cached().unlink()
    monkeypatch.setattr(cache, "missing", None)  # nothing is timed
    assert run(["search", "toy.arch", "--resume", "parts"]) == 0
    assert Path("parts/journal.jsonl").read_bytes() == whole


@pytest.mark.slow
def test_rows_that_only_decoded_networks_have_are_timed_when_their_costs_are_needed(tmp_path, capsys):
    weight = 'window(0.01, rate(device = "elsewhere"), 1 fps .. 10000 fps)'
    spec = small_spec(tmp_path, ", select_by = score", objective=f"cross_entropy + {weight} * log(macs)")
    assert run(["search", str(spec), "--out", "run", "--table", "auto"]) == 0, capsys.readouterr().err
    said = capsys.readouterr()
    assert "of Found on this machine" in said.err
    assert "ms" in said.out.partition("branches to 1/32, 1/8: mIoU")[2].splitlines()[0]
    network = archdsl.load("run/decoded.arch").network()
    assert latency_ms(network, read(cached())) > 0  # every row is there


def test_a_file_can_stand_for_a_named_device_and_is_recorded(capsys):
    assert search("--table", "auto") == 0
    Path("mine.json").write_bytes(cached().read_bytes())
    capsys.readouterr()
    assert run(["search", "toy.arch", "--out", "other", "--table", "mine.json"]) == 1
    assert "--table titan_xp=FILE" in capsys.readouterr().err
    assert run(["search", "toy.arch", "--out", "other", "--table", "titan_xp=mine.json"]) == 0
    assert "`titan_xp` uses the table of" in capsys.readouterr().out
    record = json.loads(Path("other/manifest.json").read_text())["settings"]
    assert list(record["latency devices"]) == ["titan_xp"]
    assert record["latency table sha256"].startswith("titan_xp=")
    assert run(["search", "toy.arch", "--resume", "other"]) == 0


def test_a_table_that_is_not_there_is_a_mistake_of_the_command(capsys):
    assert search("--table", "titan_xp=none.json") == 2
    assert "file not found: none.json" in capsys.readouterr().err


SMALL = ["epochs=1", "batch=2", "calibrate=1"]
REDUCED = {
    "space": ["cells=1x2x1"], "camvid": ["cells=1x2x1"], "autortnet": ["cells=1x1x1"], "gas": ["width=4"],
}  # fmt: skip
"""The settings of each shipped search that runs, beside those of all."""
FEWER_CELLS = (("for i in 1..14", "for i in 1..5"), ("x[14]", "x[5]"))
"""How the text of GAS is changed, whose number of cells is no setting."""

SHIPPED = sorted(path.stem for path in SPECS.glob("*.arch") if "\nsearch " in path.read_text("utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("spec", REDUCED)
def test_a_shipped_search_runs_here_at_reduced_size(spec, monkeypatch):
    # Fast enough for the 9.3 ms that GAS requires: where no network meets that, 4,096 are priced an epoch.
    monkeypatch.setattr(cache, "TIMER", PretendTimer("onnxruntime", faster=1000.0))
    data = ["--data", "synthetic:images=2,size=32x64", "--table", "auto", "--out", "run"]
    words = ["--set", "image=3x32x64", *SMALL, *REDUCED[spec]]
    text = (SPECS / f"{spec}.arch").read_text("utf-8")
    for old, new in FEWER_CELLS if spec == "gas" else ():
        assert old in text
        text = text.replace(old, new)
    Path(f"{spec}.arch").write_text(text, "utf-8")
    assert run(["search", f"{spec}.arch", *words, *data]) == 0
    assert run(["check", "run/best.arch"]) == 0


BY_TRIALS = {
    "elastic": ("weights(epochs = 1)", "3x32x64"),
    "ofa_mobilenet": ("weights(epochs = 1)", "3x64x64"),
    "template": ("training(epochs = 1)", "3x64x64"),
    "template_small": ("training(epochs = 1)", "3x32x64"),
}
"""The evaluator of each shipped search by trials at reduced size, and its image."""


@pytest.mark.slow
@pytest.mark.parametrize("spec", BY_TRIALS)
def test_a_shipped_search_by_trials_runs_here_at_reduced_size(spec):
    evaluate, image = BY_TRIALS[spec]
    size = image.removeprefix("3x")
    data = ["--data", f"synthetic:images=2,size={size},batch=2,crop={size}", "--evaluate", evaluate]
    words = ["--set", f"image={image}", "trials=2", "--out", "run"]
    assert run(["search", str(SPECS / f"{spec}.arch"), *words, *data]) == 0
    assert run(["check", "run/best.arch"]) == 0
    tried = [record for record in read_records(Path("run/journal.jsonl")) if record["kind"] == "tried"]
    assert [trial["state"] for trial in tried] == ["scored", "scored"]
    assert archdsl.load("run/best.arch").network().origin in archdsl.load(SPECS / f"{spec}.arch").spaces


COSEARCHES = ("fasterseg", "fasterseg_small")
"""Of these the second is the first at a size that runs here."""


@pytest.mark.slow
def test_the_cosearch_runs_here_at_reduced_size():
    words = ["--set", "epochs=1", "images=4", "batch=2", "calibrate=1", "--out", "run"]
    assert run(["search", str(SPECS / "fasterseg_small.arch"), *words]) == 0
    for name in ("teacher", "student"):
        assert run(["check", f"run/{name}/best.arch"]) == 0


def test_every_shipped_search_runs_in_these_tests():
    assert {*SHIPPED} == {*REDUCED, *BY_TRIALS, *COSEARCHES}


def test_a_missing_latency_table_is_named_before_a_supernet_is_built(capsys, monkeypatch):
    monkeypatch.setattr("archdsl.search.run.build_all", lambda *_, **__: pytest.fail("built a supernet"))
    data = ["--data", "synthetic:images=4,size=64x128", "--out", "run"]
    assert run(["search", str(SPECS / "fasterseg.arch"), "--set", "layers=6", *data]) == 1
    said = capsys.readouterr().err
    assert "an objective on latency needs a latency table" in said
    assert "--table auto" in said
    assert not Path("run").exists()


def test_fastersegs_full_search_asks_for_its_data_alone(capsys):
    assert run(["search", str(SPECS / "fasterseg.arch"), "--out", "run"]) == 1
    assert "missing `path` of `cityscapes`" in capsys.readouterr().err
