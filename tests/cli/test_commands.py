"""What each verb prints, writes and returns."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import archdsl
from archdsl.cli import cli, run
from pictures import picture

TINY = """\
arch 1

# A space of 14 networks, and 24 combinations of outcomes.
OPS = {narrow: conv(k = 1), wide: conv(k = 3)}

space Tiny(; width = 8, classes = 4) {
  input image: [3, 32, 64]
  x[0] = image -> conv(c = width, s = 2) -> bn -> relu
  stage body for i in 1..3 {
    kind = one of OPS
    x[i] = x[i - 1] -> kind -> relu
  }
  depth = one of {1..3}
  output logits = x[depth] -> conv(c = classes, k = 1)
  require params <= 300K
}

network Deep from Tiny {
  body[1] = (kind = narrow)
  body[2] = (kind = wide)
  body[3] = (kind = wide)
  depth = 3
}
"""

BROKEN = TINY.replace("narrow: conv(k = 1)", "narrow: conv(k = 1, c = 9)").replace(
    "x[i - 1] -> kind -> relu", "(x[i - 1] -> kind -> relu) + x[i - 1]"
)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.arch").write_text(TINY)
    Path("broken.arch").write_text(BROKEN)


def call(words: str, **kwargs: object) -> Result:
    result = CliRunner().invoke(cli, words.split(), **kwargs)  # type: ignore[arg-type]
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def data(words: str) -> dict:
    result = call(words)
    whole = json.loads(result.stdout)
    assert whole["format"] == f"archdsl/{words.split()[0]}"
    assert whole["version"] == 1
    return whole


# ---------------------------------------------------------------- check


def test_check_says_what_was_proved():
    result = call("check tiny.arch")
    assert result.exit_code == 0
    assert "space Tiny: every one of 14 networks is well-typed (4 decisions, 24 combinations" in result.stdout
    assert "tiny.arch: network Deep: it is well-typed" in result.stdout


def test_check_shows_the_decisions_that_break_a_space():
    result = call("check broken.arch")
    assert result.exit_code == 1
    assert "error[ARCH301]" in result.stdout
    assert "  = decisions: body[1].kind = narrow" in result.stdout
    assert "archdsl explain ARCH301" in result.stdout


def test_check_goes_on_with_the_other_specs_after_errors():
    Path("worse.arch").write_text("arch 99\n")
    result = call("check worse.arch broken.arch tiny.arch")
    assert result.exit_code == 1
    assert "every one of 14 networks" in result.stdout
    assert result.stdout.count("error[") >= 2


def test_check_takes_settings_and_says_which_it_does_not_know():
    assert call("check tiny.arch --set width=4 image=3x64x64").exit_code == 0
    result = call("check tiny.arch --set widht=4")
    assert result.exit_code == 1
    assert "did you mean `width`?" in result.stdout


def test_check_reads_standard_input():
    assert call("check -", input=TINY).exit_code == 0
    result = call("check -", input=BROKEN)
    assert result.exit_code == 1
    assert "--> <stdin>:" in result.stdout


def test_check_counts_warnings_when_strict():
    Path("odd.arch").write_text(
        TINY.replace("kind = one of OPS", "kind = one of OPS\n    idle = one of {1, 2}")
    )
    assert call("check odd.arch").exit_code == 0
    result = call("check odd.arch --strict")
    assert result.exit_code == 1
    assert "warning[" in result.stdout


def test_check_fails_where_conditions_are_left_open_unless_that_is_allowed():
    widths = "stage widths for i in 1..6 { w[i] = one of {8..800 step 7} }"
    sizes = "left = w[1] * w[2] + w[3] * w[4] + w[5] * w[6]\nright = w[6] * w[5] + w[4] * w[3] + w[2] * w[1]"
    joined = "output y = (image -> conv(c = left)) + (image -> conv(c = right))"
    Path("open.arch").write_text(
        f"arch 1\nspace S {{\ninput image: [3, 8, 8]\n{widths}\n{sizes}\n{joined}\n}}\n"
    )
    result = call("check open.arch --budget 500")
    assert result.exit_code == 1
    assert "error[ARCH408]" in result.stdout
    assert "--allow-open" in result.stdout
    allowed = call("check open.arch --budget 500 --allow-open")
    assert allowed.exit_code == 0
    assert "undecided: " in allowed.stdout
    both = call("check open.arch --budget 500 --allow-open --strict")
    assert (both.exit_code, "warning[ARCH408]" in both.stdout) == (0, True)


def test_check_prints_json():
    whole = data("check tiny.arch broken.arch --json")
    good, bad = whole["specs"]
    assert (whole["ok"], good["ok"], bad["ok"]) == (False, True, False)
    space = next(p for p in good["proofs"] if p["kind"] == "space")
    assert (space["target"], space["size"], space["decisions"], space["proved"]) == ("Tiny", "24", 4, True)
    assert (space["networks"], space["networks_exact"]) == ("14", True)
    assert {d["code"] for d in bad["diagnostics"]} >= {"ARCH301"}
    assert bad["diagnostics"][0]["primary"]["location"]["file"] == "broken.arch"


def test_check_prints_sarif_with_the_page_of_each_code():
    log = json.loads(call("check broken.arch --format sarif").stdout)
    (run,) = log["runs"]
    assert run["results"][0]["level"] == "error"
    rule = run["tool"]["driver"]["rules"][run["results"][0]["ruleIndex"]]
    assert rule["id"] == run["results"][0]["ruleId"]
    assert Path(rule["helpUri"].removeprefix("file://")).is_file()
    assert rule["help"]["markdown"].startswith(f"# {rule['id']}")


# ---------------------------------------------------------------- fmt


def test_fmt_writes_the_canonical_format_in_place_and_is_then_content():
    Path("ugly.arch").write_text(TINY.replace(" = ", "="))
    assert call("fmt --check ugly.arch").exit_code == 1
    assert call("fmt ugly.arch").exit_code == 0
    assert Path("ugly.arch").read_text() == TINY
    assert call("fmt --check ugly.arch").exit_code == 0


def test_fmt_shows_a_diff_and_writes_nothing():
    ugly = TINY.replace("width = 8", "width=8")
    Path("ugly.arch").write_text(ugly)
    result = call("fmt --diff ugly.arch")
    assert result.exit_code == 1
    assert "-space Tiny(; width=8, classes = 4) {\n+space Tiny(; width = 8, classes = 4) {\n" in result.stdout
    assert Path("ugly.arch").read_text() == ugly


def test_fmt_passes_standard_input_through():
    result = call("fmt -", input=TINY.replace(" = ", "="))
    assert (result.exit_code, result.stdout, result.stderr) == (0, TINY, "")


def test_fmt_leaves_a_spec_with_errors_alone_and_formats_the_others():
    Path("bad.arch").write_text("arch 1\ncell {\n")
    Path("ugly.arch").write_text(TINY.replace(" = ", "="))
    assert call("fmt bad.arch ugly.arch").exit_code == 1
    assert Path("bad.arch").read_text() == "arch 1\ncell {\n"
    assert Path("ugly.arch").read_text() == TINY


# ---------------------------------------------------------------- explain


def test_explain_lists_decisions_candidates_and_the_size_of_a_space():
    result = call("explain tiny.arch --name Tiny")
    assert result.exit_code == 0
    assert "4 decisions, 14 networks (24 combinations of outcomes)" in result.stdout
    assert "body[2].kind  one of 2         2  narrow, wide" in result.stdout
    assert "params <= 300K" in result.stdout


def test_explain_prints_the_layers_of_a_network():
    result = call("explain tiny.arch")
    assert "network Deep from Tiny" in result.stdout
    assert "total" in result.stdout


def test_explain_prints_json():
    whole = data("explain tiny.arch --name Tiny --json")
    assert (whole["kind"], whole["size"], len(whole["decisions"])) == ("space", "24", 4)
    assert (whole["networks"], whole["networks_exact"]) == ("14", True)
    network = data("explain tiny.arch --json")
    assert network["chosen"] == {
        "body[1].kind": "narrow",
        "body[2].kind": "wide",
        "body[3].kind": "wide",
        "depth": "3",
    }
    assert network["params"] == sum(layer["params"] for layer in network["layers"])


def test_explain_prints_the_page_of_a_code_and_knows_which_was_meant():
    assert call("explain ARCH301").stdout.startswith("# ARCH301: ")
    assert call("explain arch301 --json").exit_code == 0
    result = call("explain ARCH3011")
    assert result.exit_code == 2
    assert "did you mean ARCH3" in result.stderr


def test_explain_says_what_a_library_declares():
    Path("lib.arch").write_text("arch 1\n\nop twice(x) = x -> relu -> relu\n")
    assert "op twice" in call("explain lib.arch").stdout
    assert data("explain lib.arch --json")["declared"] == [{"kind": "op", "name": "twice"}]


def test_a_name_that_the_file_does_not_have_is_answered_with_the_one_that_was_meant():
    result = call("explain tiny.arch --name Tinny")
    assert result.exit_code == 2
    assert "did you mean `Tiny`?" in result.stderr


# ---------------------------------------------------------------- compile


def test_compile_prints_a_layer_table_with_totals():
    result = call("compile tiny.arch")
    assert result.exit_code == 0
    assert "total" in result.stdout
    assert re.search(r"^\d+ layers, [\d,]+ parameters, [\d,]+ MACs ", result.stdout, re.MULTILINE)


def test_compile_follows_settings():
    before, after = data_of_compile(""), data_of_compile("--set image=3x64x128 classes=5")
    assert after["macs"] > 4 * before["macs"]
    assert after["inputs"]["image"] == [3, 64, 128]


def data_of_compile(words: str) -> dict:
    return json.loads(call(f"compile tiny.arch --json {words}").stdout)


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ("ast", "File(version=1"),
        ("ir", "logits"),
        ("shapes", "8x16x32"),
        ("torch", "Conv2d("),
        ("python", "class Deep"),
        ("dot", "digraph"),
        ("svg", "<svg"),
        ("arch", "network Deep"),
    ],
)
def test_compile_emits_text_to_standard_output_or_a_file(form: str, says: str):
    result = call(f"compile tiny.arch --emit {form}")
    assert result.exit_code == 0
    assert says in result.stdout
    assert call(f"compile tiny.arch --emit {form} -o out.txt").exit_code == 0
    if form != "svg":
        assert Path("out.txt").read_text() == result.stdout


def test_a_network_that_was_written_out_has_the_same_layers_without_its_space():
    call("compile tiny.arch --emit arch -o alone.arch")
    assert "Tiny" not in Path("alone.arch").read_text()
    whole = json.loads(call("compile alone.arch --json").stdout)
    assert whole["macs"] == data_of_compile("")["macs"]
    assert whole["params"] == data_of_compile("")["params"]


def test_compile_saves_weights_and_onnx():
    from safetensors.torch import load_file

    assert call("compile tiny.arch --emit torch -o w.safetensors").exit_code == 0
    state = load_file("w.safetensors")
    archdsl.compile("tiny.arch").load_state_dict(state)
    assert call("compile tiny.arch --emit onnx -o n.onnx").exit_code == 0
    assert Path("n.onnx").stat().st_size > 1000


@pytest.mark.parametrize(
    "words",
    [
        "--emit onnx",
        "--emit png",
        "--emit torch --name Tiny",
        "--emit python --json",
        "--out here --emit ir",
        "--image tiny.arch",
        "--out here --image tiny.arch",
        "--out here --name Tiny",
    ],
)
def test_what_cannot_be_compiled_that_way_is_a_mistake_in_the_usage(words: str):
    result = call(f"compile tiny.arch {words}")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith("Error: ")


def test_compile_writes_everything_and_runs_the_network_once():

    result = call("compile tiny.arch --out out")
    assert result.exit_code == 0
    names = [
        "diagram.svg",
        "input.png",
        "layers.txt",
        "network.arch",
        "network.onnx",
        "network.py",
        "output.png",
    ]
    assert sorted(path.name for path in Path("out").iterdir()) == names
    assert all(f"out/{name}: " in result.stdout for name in names)
    assert picture("out/output.png").size == (64, 32)
    assert call("check out/network.arch").exit_code == 0
    compile(Path("out/network.py").read_text(), "network.py", "exec")


def test_compile_runs_the_network_on_an_image_of_any_size():
    from PIL import Image

    Image.new("L", (10, 20), 128).save("grey.png")
    assert call("compile tiny.arch --out out --image grey.png").exit_code == 0
    assert picture("out/input.png").getpixel((5, 5)) == (128, 128, 128)


# ---------------------------------------------------------------- viz


@pytest.mark.parametrize(
    "words", ["-o a.svg", "-o a.svg --name Tiny", "-o a.svg --name Tiny --what decisions"]
)
def test_viz_draws_networks_spaces_and_decisions(words: str):
    assert call(f"viz tiny.arch {words}").exit_code == 0
    assert ElementTree.parse("a.svg").getroot().tag.endswith("svg")


def test_viz_writes_dot():
    assert call("viz tiny.arch -o a.dot").exit_code == 0
    assert "digraph" in Path("a.dot").read_text()


@pytest.mark.parametrize(
    "words", ["-o a.txt", "-o a.svg --what decisions", "-o a.svg --what network --name Tiny"]
)
def test_viz_refuses_what_it_cannot_draw(words: str):
    assert call(f"viz tiny.arch {words}").exit_code == 2
    assert not list(Path().glob("a.*"))


# ---------------------------------------------------------------- diff


def test_diff_lists_decisions_cells_layers_and_costs():
    Path("other.arch").write_text(TINY.replace("kind = wide", "kind = narrow", 1))
    result = call("diff tiny.arch other.arch")
    assert result.exit_code == 0
    assert "decisions (1)\n  body[2].kind  wide -> narrow\n" in result.stdout
    assert "  - body[2].x.kind.wide: conv, 8x16x32\n" in result.stdout
    assert "  + body[2].x.kind.narrow: conv, 8x16x32\n" in result.stdout
    assert "costs (2)" in result.stdout
    assert call("diff tiny.arch other.arch --exit-code").exit_code == 1


def test_diff_of_one_network_at_two_sizes_shows_settings_and_shapes():
    Path("large.arch").write_text(
        TINY.replace("[3, 32, 64]", "[3, 64, 64]").replace("width = 8", "width = 4")
    )
    result = call("diff tiny.arch large.arch")
    assert "  image  3x32x64 -> 3x64x64\n" in result.stdout
    assert "  width  8 -> 4\n" in result.stdout
    assert "  ~ x[0].conv: shape: 8x16x32 -> 4x32x32, c: 8 -> 4\n" in result.stdout


def test_diff_of_the_same_network_is_empty():
    result = call("diff tiny.arch tiny.arch --exit-code")
    assert result.exit_code == 0
    assert "no difference" in result.stdout


def test_diff_compares_spaces_and_prints_json():
    Path("other.arch").write_text(TINY.replace("{1..3}", "{1, 3}"))
    whole = data("diff tiny.arch:Tiny other.arch:Tiny --json")
    assert whole["same"] is False
    assert whole["decisions"] == {
        "depth": {
            "a": {"count": 1, "candidates": ["1", "2", "3"]},
            "b": {"count": 1, "candidates": ["1", "3"]},
        }
    }
    assert whole["costs"] == {"networks": {"a": 14, "b": 10}}


def test_diff_of_a_space_and_a_network_is_a_mistake_in_the_usage():
    assert call("diff tiny.arch:Tiny tiny.arch:Deep").exit_code == 2


# ---------------------------------------------------------------- sample


def test_sample_over_networks_leaves_out_decisions_that_do_not_arise():
    drawn = data("sample tiny.arch -n 40 --over networks --json")["networks"]
    assert len({tuple(sorted(n["decisions"].items())) for n in drawn}) > 8
    assert {len(n["decisions"]) for n in drawn} == {2, 3, 4}
    assert all(n["decisions"]["depth"] == str(len(n["decisions"]) - 1) for n in drawn)


def test_sample_over_networks_that_cannot_be_counted_is_refused():
    rounds = (
        "stage s for i in 2..60 { x[i] = (one of x[0..i - 1]) + (one of x[0..i - 1]) + (one of x[0..i - 1]) }"
    )
    body = f"x[0] = image -> relu\n  x[1] = x[0] -> relu\n  {rounds}\n  output y = x[60]"
    Path("dense.arch").write_text(f"arch 1\nspace D {{\n  input image: [3, 8, 8]\n  {body}\n}}\n")
    result = call("sample dense.arch --over networks")
    assert result.exit_code == 1
    assert "ARCH416" in result.stderr
    assert "every one of at most " in call("check dense.arch").stdout


@pytest.mark.parametrize(
    "words", ["sample s.arch", "sample s.arch --json", "cost s.arch", "latency build s.arch -o t"]
)
def test_a_space_with_an_ill_typed_network_is_refused_whichever_networks_are_drawn(words: str):
    Path("s.arch").write_text(
        "arch 1\nspace S {\n  input image: [3, 8, 8]\n  x[1] = image -> conv\n  n = one of {0, 1}\n"
        "  output y = x[n]?\n}\n"
    )
    for seed in range(4 if words.startswith("sample") else 1):
        result = call(words + (f" --seed {seed}" if words.startswith("sample") else ""))
        assert (result.exit_code, "ARCH406" in result.output) == (1, True)


def test_sample_prints_a_network_that_is_the_same_for_the_same_seed():
    first, again = call("sample tiny.arch --seed 3"), call("sample tiny.arch --seed 3")
    assert first.exit_code == 0
    assert first.stdout == again.stdout
    Path("found.arch").write_text(first.stdout)
    assert call("check found.arch").exit_code == 0


def test_sample_writes_networks_and_the_space_that_they_import():
    assert call("sample tiny.arch -n 4 -o samples").exit_code == 0
    assert len(list(Path("samples").glob("*.arch"))) == 5
    assert call("check samples").exit_code == 0
    assert call("sample tiny.arch -n 2 --full -o full").exit_code == 0
    assert len(list(Path("full").glob("*.arch"))) == 2
    assert call("check full").exit_code == 0


def test_sample_never_replaces_another_spec_of_the_same_name():
    Path("samples").mkdir()
    Path("samples/tiny.arch").write_text("arch 1\n")
    assert call("sample tiny.arch -n 4 -o samples").exit_code == 2
    assert Path("samples/tiny.arch").read_text() == "arch 1\n"


def test_sample_prints_decisions_as_json():
    whole = data("sample tiny.arch -n 3 --seed 5 --json")
    assert [network["seed"] for network in whole["networks"]] == [5, 6, 7]
    assert set(whole["networks"][0]["decisions"]) == {"body[1].kind", "body[2].kind", "body[3].kind", "depth"}


@pytest.mark.parametrize("verb", ["compile", "explain", "diff broken.arch"])
def test_findings_are_json_where_json_was_asked_for(verb: str):
    Path("broken.arch").write_text("arch 1\n\nnetwork N {\n  output y = nothing\n}\n")
    result = call(f"{verb} broken.arch --json")
    assert result.exit_code == 1
    (found,) = json.loads(result.stdout)["diagnostics"]
    assert found["code"] == "ARCH201"


def test_sample_draws_networks_that_meet_the_requirements():
    Path("lean.arch").write_text(TINY.replace("300K", "1600\n  require depth >= 2"))
    assert call("sample lean.arch -n 6 -o samples").exit_code == 0
    assert call("check samples").exit_code == 0
    drawn = data("sample lean.arch -n 6 --json")["networks"]
    assert all(one["decisions"]["depth"] in ("2", "3") for one in drawn)


def test_sample_says_which_requirement_no_network_was_found_to_meet():
    Path("none.arch").write_text(TINY.replace("300K", "300K and macs == 7"))
    result = call("sample none.arch")
    assert result.exit_code == 1
    assert "ARCH409" in result.stderr
    assert "macs == 7" in result.stderr


@pytest.mark.parametrize(
    "text", ["arch 1\n", "arch 1\nA = 1 / 0\n", "arch 1\nop f(x) = x -> one of {relu, silu}\n"]
)
def test_explain_refuses_a_file_without_networks_that_check_refuses(text: str):
    Path("f.arch").write_text(text)
    assert call("check f.arch").exit_code == call("explain f.arch").exit_code == 1


def test_sample_needs_a_space():
    assert call("sample tiny.arch --name Deep").exit_code == 2


@pytest.mark.parametrize("form", ["", " --full"])
def test_sample_puts_several_networks_into_one_text(form: str):
    Path("found.arch").write_text(call(f"sample tiny.arch -n 3 --seed 5{form}").stdout)
    networks = archdsl.load("found.arch").networks
    assert list(networks) == ["Found5", "Found6", "Found7"]
    assert call("fmt --check found.arch").exit_code == 0


# ---------------------------------------------------------------- fuzz


def test_fuzz_puts_random_networks_through_every_backend():
    result = call("fuzz tiny.arch --name Tiny -n 2 --image 3x16x16")
    assert result.exit_code == 0
    assert result.stdout == "2 networks of Tiny: 0 failures\n"
    assert "network 2 of 2 (seed 1)" in result.stderr
    assert not Path("fuzz").exists()


def test_fuzz_keeps_networks_that_fail_with_the_command_to_try_them_again(monkeypatch):
    from archdsl.cli import parity

    monkeypatch.setattr(parity, "failures", lambda *_args, seed, **_more: ["it is odd"] if seed % 2 else [])
    result = call("fuzz tiny.arch --name Tiny -n 3 --no-onnx --set width=4 -o kept")
    assert result.exit_code == 1
    assert result.stdout == "3 networks of Tiny: 1 failure\n"
    again = "archdsl fuzz tiny.arch --name Tiny --set width=4 --no-onnx -n 1 --seed 1"
    assert again in result.stderr
    text = Path("kept/tiny_1.arch").read_text()
    assert text.startswith(f"# it is odd\n# reproduce: {again}\narch 1\n")


def test_fuzz_prints_json():
    assert data("fuzz tiny.arch --name Tiny -n 1 --no-onnx --json") == {
        "format": "archdsl/fuzz", "version": 1, "tried": 1, "failed": {},
    }  # fmt: skip


def test_explain_shows_every_setting_of_a_space(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "s.arch").write_text(
        """arch 1
space S(; ks = {1, 3}, widths = [4, 8], within = 5 ms, kind = relu, on: bool = true) {
  input image: [3, 8, 8]
  k = one of ks
  output y = image -> conv(c = widths[1], k = k) -> kind
  require latency() <= within
}
"""
    )
    for given, ks in (([], "{1, 3}"), (["--set", "ks={3, 5}"], "{3, 5}")):
        assert run(["explain", str(tmp_path / "s.arch"), *given]) == 0
        settings = f"image = 3x8x8, ks = {ks}, widths = 4x8, within = 5 ms, kind = relu, on = true"
        assert f"settings: {settings}\n" in capsys.readouterr().out
