"""Packages that add to archdsl: loaded when they are named, and only then."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import archdsl
from archdsl import SpecError, ops, plugins
from archdsl.cli import cli, run
from archdsl.devices.runtimes import RUNTIMES
from strangers import install, plugged, undone

MODULE = """\
from archdsl.devices.runtimes import Runtime
from archdsl.ops.base import Primitive


class Negated(Primitive):
    name = "negated"
    summary = "-x"

    def shape(self, xs, a, demand):
        return xs[0]

    def expression(self, names, layer, xs, y, a):
        return f"-{names[0]}"


class Idle(Runtime):
    package = "stranger"

    @property
    def options(self):
        return {}

    def prepare(self, graph, *, threads, batch, device):
        return lambda: None


def losses(run):
    from archdsl.report.sheet import Part, paragraph

    steps = run.steps()
    return Part("Losses", paragraph(f"{len(steps)} steps & more")) if steps else None


def failing(run):
    return 1 / 0


PLAIN = "no runtime"


def dataset(function):
    from archdsl.configs.datasets import DatasetKind, Synthetic

    return DatasetKind("made of the synthetic scenes", Synthetic, samples=function)


def scenes(settings):
    from archdsl.data.synthetic import scenes

    return scenes(settings)


SCENES = dataset(scenes)
EMPTY = dataset(None)
"""

SPEC = "arch 1\n\nnetwork N {\n  input image: [3, 8, 8]\n  output y = image -> negated -> relu\n}\n"
PRIMITIVE = {"archdsl.primitives": {"negated": "stranger:Negated"}}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site").mkdir()
    Path("site/stranger.py").write_text(MODULE)
    Path("n.arch").write_text(SPEC)
    with undone():
        yield


def call(words: str) -> Result:
    result = CliRunner().invoke(cli, words.split())
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def refused(name: str) -> tuple[str, str, str]:
    with pytest.raises(SpecError) as caught:
        archdsl.use(name)
    (found,) = caught.value.diagnostics
    return found.code, found.headline, found.help or ""


def test_an_installed_plug_in_adds_nothing_before_it_is_named() -> None:
    install(Path("site").absolute(), "stranger", PRIMITIVE)
    assert call("check n.arch").exit_code == 1
    assert "stranger" not in sys.modules
    assert call("--plugin stranger check n.arch").exit_code == 0


def test_what_python_names_is_loaded_once_under_any_spelling_of_its_name() -> None:
    install(Path("site").absolute(), "My.Stranger", PRIMITIVE)
    archdsl.use("my_stranger")
    archdsl.use("my-stranger")
    assert dict(plugins.used()) == {"my-stranger": "1.0"}
    assert archdsl.load(SPEC).check().ok


def test_the_project_of_the_working_directory_names_plug_ins() -> None:
    install(Path("site").absolute(), "stranger", PRIMITIVE)
    Path("pyproject.toml").write_text('[tool.archdsl]\nplugins = ["stranger"]\n')
    Path("below").mkdir()
    assert call("check n.arch").exit_code == 0


def test_the_project_of_a_spec_elsewhere_names_none() -> None:
    install(Path("site").absolute(), "stranger", PRIMITIVE)
    Path("theirs").mkdir()
    Path("theirs/pyproject.toml").write_text('[tool.archdsl]\nplugins = ["stranger"]\n')
    Path("theirs/n.arch").write_text(SPEC)
    assert call("check theirs/n.arch").exit_code == 1
    assert "stranger" not in sys.modules


def test_the_nearest_project_counts() -> None:
    Path("pyproject.toml").write_text('[tool.archdsl]\nplugins = ["a"]\n')
    inner = Path("one/two")
    inner.mkdir(parents=True)
    assert plugins.of_project(inner.absolute()) == ("a",)
    Path("one/pyproject.toml").write_text("[tool.other]\n")
    assert plugins.of_project(inner.absolute()) == ()


@pytest.mark.parametrize(
    "text",
    [
        '[tool.archdsl]\nplugin = ["a"]\n',
        '[tool.archdsl]\nplugins = "a"\n',
        "[tool.archdsl]\nplugins = [1]\n",
        "[tool]\narchdsl = 3\n",
        "[tool.archdsl\n",
        "[tool.archdsl]\nx = " + "[" * 10_000,
    ],
)
def test_settings_of_a_project_that_are_not_understood_are_refused(text: str) -> None:
    Path("pyproject.toml").write_text(text)
    done = call("check n.arch")
    assert done.exit_code == 1
    assert "ARCH866" in done.stderr


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=200),
        st.text("[]tol.archdsplugin=\"'\n ", max_size=60).map(
            lambda text: f"[tool.archdsl]\n{text}".encode()
        ),
    )
)
def test_whatever_a_project_says_is_a_list_of_names_or_a_finding(data: bytes) -> None:
    Path("pyproject.toml").write_bytes(data)
    found: tuple[str, ...] = ()
    codes = {"ARCH866"}
    try:
        found = plugins.of_project(Path.cwd())
    except SpecError as error:
        codes |= {diagnostic.code for diagnostic in error.diagnostics}
    assert codes == {"ARCH866"}
    assert all(isinstance(name, str) for name in found)


@pytest.mark.parametrize("name", ["", " ", "../site", "a/b", "a\nb", "x" * 10_000, "-", "\u00e4", "a.b:c"])
def test_a_name_that_no_package_can_have_is_unknown(name: str) -> None:
    assert refused(name)[0] == "ARCH863"


def test_an_unknown_plug_in_is_refused_with_those_that_are_installed() -> None:
    install(Path("site").absolute(), "stranger", PRIMITIVE)
    assert refused("strangr") == (
        "ARCH863", "unknown plug-in `strangr`", "the package is not installed; did you mean `stranger`?",
    )  # fmt: skip
    assert refused("numpy")[2].endswith("installed plug-ins: stranger")


def test_the_option_behind_the_verb_is_answered(capsys) -> None:
    assert run(["check", "--plugin", "stranger", "n.arch"]) == 2
    assert "--plugin goes before the command: archdsl --plugin NAME check" in capsys.readouterr().err


def test_findings_about_plug_ins_are_json_where_that_is_asked_for() -> None:
    done = call("--plugin nobody check n.arch --json")
    assert json.loads(done.stdout)["diagnostics"][0]["code"] == "ARCH863"


@pytest.mark.parametrize(
    ("group", "point", "why"),
    [
        ("archdsl.primitives", "negated = missing:Negated", "ModuleNotFoundError"),
        ("archdsl.primitives", "negated = stranger:Lost", "AttributeError"),
        ("archdsl.primitives", "negated = stranger:PLAIN", "expected a Primitive, got a str"),
        ("archdsl.primitives", "other = stranger:Negated", "its name is `negated`"),
        ("archdsl.primitive", "negated = stranger:Negated", "did you mean archdsl.primitives?"),
    ],
)
def test_a_plug_in_that_cannot_be_used_is_named_with_the_reason(group: str, point: str, why: str) -> None:
    name, _, place = point.partition(" = ")
    install(Path("site").absolute(), "stranger", {group: {name: place}})
    code, headline, help = refused("stranger")
    assert code == "ARCH864"
    assert "stranger" in headline
    assert why in help
    assert dict(plugins.used()) == {}


def test_what_fails_in_the_code_of_a_plug_in_is_no_error_of_archdsl() -> None:
    Path("site/broken.py").write_text("1 / 0\n")
    install(Path("site").absolute(), "broken", {"archdsl.primitives": {"negated": "broken:Negated"}})
    done = call("--plugin broken check n.arch")
    assert done.exit_code == 1
    assert "ZeroDivisionError" in done.stderr


def test_a_name_that_is_taken_is_not_replaced() -> None:
    install(Path("site").absolute(), "stranger", {"archdsl.primitives": {"relu": "stranger:Negated"}})
    assert refused("stranger")[0] == "ARCH865"
    assert ops.get("relu").summary == "max(x, 0)"


def test_a_runtime_of_a_plug_in_is_imported_when_it_is_looked_up() -> None:
    install(Path("site").absolute(), "stranger", {"archdsl.runtimes": {"idle": "stranger:Idle"}})
    archdsl.use("stranger")
    assert "idle" in RUNTIMES
    assert "stranger" not in sys.modules
    assert RUNTIMES["idle"].package == "stranger"
    Path("n.arch").write_text(SPEC.replace("negated", "conv(c = 4)"))
    done = call("latency build n.arch --backend idle --passes 2 -o t.json")
    assert done.exit_code == 0
    assert json.loads(Path("t.json").read_text())["runtime"]["versions"] == {"stranger": "1.0"}


def test_a_runtime_that_is_no_runtime_is_named_when_it_is_asked_for() -> None:
    install(Path("site").absolute(), "stranger", {"archdsl.runtimes": {"idle": "stranger:PLAIN"}})
    Path("n.arch").write_text(SPEC.replace("negated", "conv(c = 4)"))
    done = call("--plugin stranger latency build n.arch --backend idle")
    assert done.exit_code == 1
    assert "ARCH864" in done.stderr


TRAIN = "train n.arch --data synthetic:images=4,size=32x64 --batch 4 --epochs 1 --device cpu --out run"
TRAINED = (
    "arch 1\n\nnetwork N {\n  input image: [3, 32, 64]\n  output y = image -> conv(c = 11) -> negated\n}\n"
)


def test_a_run_records_its_plug_ins_and_is_resumed_with_them_only() -> None:
    sections = {"archdsl.report_sections": {"losses": "stranger:losses"}}
    install(Path("site").absolute(), "stranger", PRIMITIVE | sections)
    Path("n.arch").write_text(TRAINED)
    with undone():
        assert call(f"--plugin stranger {TRAIN}").exit_code == 0
        assert json.loads(Path("run/manifest.json").read_text())["plugins"] == {"stranger": "1.0"}
        assert "1 steps &amp; more" in Path("run/report.html").read_text("utf-8")
    done = call("train n.arch --resume run")
    assert done.exit_code == 1
    assert "ARCH867" in done.stderr
    assert "add --plugin stranger after `archdsl`" in done.stderr
    assert call("--plugin stranger train n.arch --resume run").exit_code == 0


def test_a_section_that_fails_is_named() -> None:
    sections = {"archdsl.report_sections": {"losses": "stranger:failing"}}
    install(Path("site").absolute(), "stranger", PRIMITIVE | sections)
    Path("n.arch").write_text(TRAINED)
    done = call(f"--plugin stranger {TRAIN}")
    assert done.exit_code == 1
    assert "the report section `losses` of a plug-in failed" in done.stderr
    assert "ZeroDivisionError" in done.stderr


SEARCH = """arch 1

space S {
  input image: [3, 32, 64]
  a = image -> one of {small: conv(c = 8), large: conv(c = 8, k = 5)}
  output logits = a -> conv(c = 11, k = 1)
}

search Quick for S {
  data = scenes(images = 4, batch = 2)
  strategy = differentiable(epochs = 1)
  minimize cross_entropy
}
"""


def test_a_dataset_of_a_plug_in_is_a_word_of_searches_and_of_commands() -> None:
    install(Path("site").absolute(), "stranger", {"archdsl.datasets": {"scenes": "stranger:SCENES"}})
    Path("s.arch").write_text(SEARCH)
    assert "unknown dataset `scenes`" in call("check s.arch").stdout
    archdsl.use("stranger")
    assert call("check s.arch").exit_code == 0
    assert "made of the synthetic scenes" in call("explain scenes").stdout
    assert call("search s.arch --device cpu -o run").exit_code == 0
    Path("n.arch").write_text(TRAINED.replace(" -> negated", ""))
    assert call("train n.arch --data scenes:images=4,size=32x64 --batch 4 --epochs 1 --out t").exit_code == 0
    refused = call("train n.arch --data scenes:path=x --epochs 1 --out u")
    assert "`scenes` has no setting `path`" in refused.stderr


def test_a_dataset_that_makes_nothing_or_has_a_name_of_searches_is_refused() -> None:
    install(Path("site").absolute(), "stranger", {"archdsl.datasets": {"scenes": "stranger:EMPTY"}})
    assert "it needs a function `files` or `samples`" in refused("stranger")[2]
    install(Path("site").absolute(), "other", {"archdsl.datasets": {"gumbel": "stranger:SCENES"}})
    assert refused("other")[0] == "ARCH865"


def test_a_plug_in_is_loaded_whole_after_its_fault_is_mended() -> None:
    points = {"archdsl.primitives": {"negated": "stranger:Negated", "other": "second:Other"}}
    install(Path("site").absolute(), "stranger", points)
    assert refused("stranger")[0] == "ARCH864"
    Path("site/second.py").write_text(
        "from stranger import Negated\nclass Other(Negated):\n    name = 'other'\n"
    )
    importlib.invalidate_caches()
    archdsl.use("stranger")
    assert ops.get("other").summary == "-x"


def test_what_is_installed_and_what_it_adds_is_listed() -> None:
    points = {**PRIMITIVE, "archdsl.runtimes": {"idle": "stranger:Idle"}}
    install(Path("site").absolute(), "My.Stranger", points)
    listed = call("explain --plugins").stdout
    assert "my-stranger" in listed
    assert "1.0: primitives negated; runtimes idle" in listed
    assert "stranger" not in sys.modules
    assert "onnxruntime" in call("explain --runtimes").stdout
    with undone():
        shown = call("--plugin my-stranger explain --runtimes").stdout
    assert "stranger is not installed" in shown


FAULTY = """\
from archdsl.ops.base import Primitive


class Faulty(Primitive):
    name = "faulty"
    summary = "fails"

    def shape(self, xs, a, demand):
        raise KeyError("its own")

    def expression(self, names, layer, xs, y, a):
        return names[0]
"""


def test_an_error_in_the_code_of_a_plugin_is_its_own(tmp_path: Path, capsys):
    spec = tmp_path / "n.arch"
    spec.write_text("arch 1\nnetwork N {\n  input x: [3, 8, 8]\n  output y = x -> faulty\n}\n")
    points = {"archdsl.primitives": {"faulty": "faulty_package:Faulty"}}
    with plugged(tmp_path / "other", "faulty_package", FAULTY, points):
        assert run(["check", str(spec)]) == 1
    said = capsys.readouterr().err
    assert "error[ARCH864]" in said
    assert "faulty-package failed at faulty_package.py:9" in said
    assert "KeyError" in said


def test_a_plugin_that_exits_is_invalid(tmp_path: Path):
    points = {"archdsl.primitives": {"faulty": "exiting_package:Faulty"}}
    with (
        pytest.raises(SpecError, match="ARCH864"),
        plugged(tmp_path / "other", "exiting_package", "raise SystemExit(3)", points),
    ):
        pass
