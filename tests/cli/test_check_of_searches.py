"""`archdsl check` notes that `archdsl search` would refuse a search, as that does when it starts."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from archdsl.cli import run

SPACE = """arch 1

import conv_bn_relu from "std/ops.arch"

space S(; classes = 11) {
  input image: [3, 32, 64]
  x = image -> conv_bn_relu(c = 8, s = 2)
  y = x -> CHOICE
  output logits = y -> conv(c = classes, k = 1) -> upsample(like = image)
}
"""
SEARCH = """
search Q for S {
  strategy = differentiable(epochs = 1)
  data = synthetic(images = 4, size = [32, 64], batch = 2)
  minimize cross_entropy + 0.01 * log(macs)
}
"""
DRAWN = SEARCH.replace("epochs = 1", "sampler = hard(tau = 1), epochs = 1")
FITS = "one of {conv_bn_relu, relu}"
VARIES = "one of {narrow: conv_bn_relu(c = 4), wide: conv_bn_relu(c = 8)}"
EVENED = "one of {narrow: conv_bn_relu(c = 4), wide: conv_bn_relu(c = 8)} -> conv_bn_relu(c = 8)"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def spec(choice: str = FITS, search: str = SEARCH) -> str:
    return SPACE.replace("CHOICE", choice) + search


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (spec(), None),
        (spec(VARIES, search=""), None),
        (spec("one of {zero, conv_bn_relu, zero(c = 8)}"), None),
        (spec(VARIES), "ARCH415"),
        (spec(EVENED), "ARCH415"),
        (spec(VARIES, DRAWN), None),
        (spec(EVENED, DRAWN), None),
        (spec(VARIES, DRAWN.replace("epochs", "share = candidates, epochs")), "ARCH414"),
        (spec(EVENED, DRAWN.replace("epochs", "share = candidates, epochs")), "ARCH414"),
        (spec(search=SEARCH.replace("epochs", "share = elastic, epochs")), None),
        (spec(search=SEARCH.replace("epochs", "bn = per_width, epochs")), "ARCH415"),
        (spec(search=SEARCH.replace("epochs", "kernels = transformed, epochs")), "ARCH415"),
        (spec(VARIES, DRAWN.replace("epochs", "kernels = transformed, epochs")), "ARCH415"),
        (spec(search=SEARCH.replace("cross_entropy + ", "")), "ARCH415"),
        (spec(search=SEARCH.replace("  data", "  architecture {\n y.zz = softmax\n }\n  data")), "ARCH415"),
        (spec("conv_bn_relu"), "ARCH415"),
        (spec().replace("  output", f"  z = x -> {FITS}\n  output aux train = z\n  output", 1)
         .replace("  data", "  architecture {\n    z = softmax\n  }\n  data"), "ARCH415"),
        (spec("conv_bn_relu").replace("  output", f"  output aux train = x -> {FITS}\n  output"), "ARCH415"),
    ],
)  # fmt: skip
def test_check_notes_what_search_refuses_and_nothing_else(text: str, code: str | None, capsys):
    Path("s.arch").write_text(text)
    assert run(["check", "s.arch"]) == 0
    said = capsys.readouterr().out
    assert re.findall(r"note\[(ARCH4\d\d)\]", said) == ([] if code is None else [code])
    if "search Q" not in text:
        return
    assert run(["search", "s.arch", "--device", "cpu"]) == (0 if code is None else 1)
    refused = capsys.readouterr().err
    expected = {"ARCH414": {"ARCH802"}, "ARCH415": {"ARCH606", "ARCH812"}}.get(str(code), set())
    assert set(re.findall(r"error\[(ARCH\d+)\]", refused)) <= expected


OVER_WEIGHTS = """
search Q for S {
  strategy = random
  evaluate = weights(SETTINGS)
  data = synthetic(images = 4, size = [32, 64], batch = 2)
  trials = 1
  maximize miou
}
"""
OPS = """
op concat_twice(x) {
  both = concat(x, x)
  return both + (x -> conv(c = 2 * x.c))
}
"""


@pytest.mark.parametrize(
    ("choice", "settings", "code", "words"),
    [
        ("conv(c = one of {4, 8})", "epochs = 1", None, ""),
        ("conv(c = one of {4, 8}) -> bn", "epochs = 1, bn = per_width", None, ""),
        ("conv(c = one of {4, 8})", 'train = progressive(opens = ["z"])', "ARCH415", "no searched decision"),
        ("conv(c = one of {4, 8})", 'path = "run", train = fair', "ARCH415", "cannot be combined"),
        ("conv(c = one of {4, 8})", 'path = "run", distill = none', "ARCH415", "cannot be combined"),
        ("conv(c = one of {4, 8})", "train = sandwich, distill = in_place", None, ""),
        ("conv(c = one of {4, 8})", "train = uniform, distill = in_place", "ARCH415", "the largest network"),
        (
            "conv(c = one of {4, 8}) -> concat_twice",
            "epochs = 1",
            "ARCH414",
            "different channels of the shared weights",
        ),
        ("conv(c = one of {1..33}) -> bn", "bn = per_width", "ARCH414", "more than 32"),
        ("conv(c = one of {4, 8}, k = one of {3, 5})", "kernels = transformed", None, ""),
        ("conv(c = one of {4, 8})", "kernels = transformed", "ARCH415", "applies to searched kernels"),
    ],
)
def test_check_notes_what_a_search_over_shared_weights_refuses(choice, settings, code, words, capsys):
    space = SPACE.replace("\nspace", OPS + "\nspace").replace("CHOICE", choice)
    Path("s.arch").write_text(space + OVER_WEIGHTS.replace("SETTINGS", settings))
    assert run(["check", "s.arch"]) == 0
    said = capsys.readouterr().out
    assert re.findall(r"note\[(ARCH4\d\d)\]", said) == ([] if code is None else [code])
    assert words in said


def test_check_notes_a_space_whose_networks_cannot_share_weights(capsys):
    space = SPACE.replace("\nspace", OPS + "\nspace")
    Path("s.arch").write_text(space.replace("CHOICE", "conv(c = one of {4, 8}) -> concat_twice"))
    assert run(["check", "s.arch", "--strict"]) == 0
    said = capsys.readouterr().out
    assert re.findall(r"note\[(ARCH4\d\d)\]", said) == ["ARCH419"]
    assert "networks of `S` cannot share weights" in said
    assert "s.arch:7:" in said
    Path("s.arch").write_text(space.replace("CHOICE", "conv(c = one of {4, 8})"))
    assert run(["check", "s.arch"]) == 0
    assert "note" not in capsys.readouterr().out


def test_the_space_of_a_search_may_be_imported(capsys):
    Path("space.arch").write_text(SPACE.replace("CHOICE", VARIES))
    Path("s.arch").write_text(f'arch 1\n\nimport S from "./space.arch"\n{SEARCH}')
    assert run(["check", "s.arch"]) == 0
    assert "note[ARCH415]" in capsys.readouterr().out


def test_a_space_with_errors_has_no_note_on_its_supernet(capsys):
    Path("s.arch").write_text(spec(VARIES).replace("upsample(like = image)", "upsample(like = imag)"))
    assert run(["check", "s.arch"]) == 1
    assert "ARCH414" not in capsys.readouterr().out


def test_notes_on_searches_need_no_torch(here: Path):
    weights = OVER_WEIGHTS.replace("SETTINGS", "bn = per_width").replace("Q", "R")
    Path("s.arch").write_text(spec(VARIES) + weights)
    code = "import sys; from archdsl.cli import run; run(['check', 's.arch']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "note[ARCH415]" in done.stdout
    assert not {"torch", "numpy", "pydantic"} & set(done.stdout.split())


@pytest.mark.parametrize("name", ["lr", "architecture_lr"])
def test_a_rate_that_cannot_be_is_named_as_it_was_given(name: str, capsys):
    Path("s.arch").write_text(spec())
    assert run(["search", "s.arch", "--set", f"{name}=nan"]) == 1
    assert f"`{name}` must be a number >= 0, got nan" in capsys.readouterr().err


TRIALS = """
search Q for S {
  classes = CLASSES
  strategy = STRATEGY
  minimize macs
  minimize params
}
"""


@pytest.mark.parametrize(
    ("strategy", "classes", "said", "code"),
    [
        ("nsga2", "7", None, 0),
        ("nsga2", '"many"', "error[ARCH208]: S as `Q` sets it: `classes` must be an integer, got many", 1),
        ("nsga2", "2.5", "error[ARCH208]: S as `Q` sets it: `classes` must be an integer, got 2.5", 1),
        ("nsga2", "3 ms", "error[ARCH208]: S as `Q` sets it: `classes` must be an integer, got 3.0", 1),
        ("evolution", "7", "`evolution` supports one objective, got 2", 0),
        ("successive_halving(of = hill_climb)", "7", "`hill_climb` supports one objective, got 2", 0),
        ("successive_halving(of = differentiable)", "7", "does not propose individual networks", 0),
        ("random(over = outcoms)", "7", "did you mean `outcomes`?", 1),
        ("random(over = them)", "7", "available: outcomes, networks", 1),
    ],
)
def test_settings_of_the_space_and_strategies_are_checked_before_a_search(
    strategy: str, classes: str, said: str | None, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    text = spec(search=TRIALS.replace("CLASSES", classes).replace("STRATEGY", strategy))
    Path("s.arch").write_text(text)
    assert run(["check", "s.arch"]) == code
    found = "".join(capsys.readouterr())
    assert (said or "well-typed") in found
    assert ("note" in found or "error" in found) == (said is not None)
    if said is not None and "`Q` sets it" in said:  # at the clause, not at the setting of the space
        assert f"classes = {classes}\n" in found
