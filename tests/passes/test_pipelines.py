"""Pipelines as text: what they do to graphs, and how they are read, written, refused and shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import archdsl
from archdsl.cli import run
from archdsl.diagnostics import SpecError
from archdsl.ir import Graph
from archdsl.ir.text import dump, parse
from archdsl.ir.verify import verify
from archdsl.ops import primitives
from archdsl.passes.base import Analysis, Pass, option
from archdsl.passes.identity import Identity
from archdsl.passes.pipeline import Pipeline
from archdsl.passes.pipeline_text import MAX_CHARS, MAX_PASSES, pass_text, pipeline_text, read_pipeline
from archdsl.passes.registry import PASSES
from archdsl.passes.transforms.bind import Bind
from archdsl.passes.transforms.prune import Prune
from archdsl.passes.transforms.simplify import Simplify
from archdsl.passes.verifying import verified
from archdsl.registry import Registry

SPECS = Path(__file__).resolve().parents[2] / "specs"

GOLDENS = {
    "simplify": """
        network N {
          input image [4, 8, 8]
          %same = identity(%image)
          %a = relu(%same)
          %b = relu(%image)
          %none = zero(%image; c = 4, s = 1)
          %sum = add(%a, %none, %b)
          output y = %sum
        }
        ---
        network N {
          input image [4, 8, 8]
          %a = relu(%image)
          %sum = add(%a, %a)
          output y = %sum
        }
    """,
    "simplify(across_ops = false)": """
        network N {
          input image [4, 8, 8]
          op a = block
          op b = block
          %a.relu = relu(%image) @a
          %b.relu = relu(%image) @b
          %sum = add(%a.relu, %b.relu)
          output y = %sum
        }
        ---
        network N {
          input image [4, 8, 8]
          op a = block
          op b = block
          %a.relu = relu(%image) @a
          %b.relu = relu(%image) @b
          %sum = add(%a.relu, %b.relu)
          output y = %sum
        }
    """,
    "deploy": """
        network N {
          input image [4, 8, 8]
          %y = relu(%image)
          %aux = hswish(%y)
          output y = %y
          output aux train = %aux
        }
        ---
        network N {
          input image [4, 8, 8]
          %y = relu(%image)
          output y = %y
        }
    """,
    "deploy(keep_decisions = false)": """
        space S {
          input image [4, 8, 8]
          decision j = {thin, wide}
          decision k = {3, 5}
          decision w = {4, 6}
          %y = conv(%image; c = 4, k = pick(k; 3, 5), s = 1, d = 1, g = 1, bias = false)
          %a = conv(%image; c = 4, k = 3, s = 1, d = 1, g = 1, bias = false)
          %b = conv(%image; c = 8, k = 3, s = 1, d = 1, g = 1, bias = false)
          %j = mux(j; thin: %a, wide: %b)
          %aux = conv(%j; c = pick(w; 4, 6), k = 3, s = 1, d = 1, g = 1, bias = false)
          require c(%j) == 4 as "j.c == 4"
          output y = %y
          output aux train = %aux
        }
        ---
        space S {
          input image [4, 8, 8]
          decision j = {thin, wide}
          decision k = {3, 5}
          %y = conv(%image; c = 4, k = pick(k; 3, 5), s = 1, d = 1, g = 1, bias = false)
          require pick(j; true, false) as "j.c == 4"
          output y = %y
        }
    """,
    "prune(gate = {1, 2})": """
        space S {
          input image [4, 8, 8]
          decision gate = {1, 2, 3}
          decision k = {3, 5}
          %x[1] = conv(%image; c = 4, k = 3, s = 1, d = 1, g = 1, bias = false)
          %x[2] = conv(%x[1]; c = 4, k = 3, s = 1, d = 1, g = 1, bias = false)
          %x[3] = conv(%x[2]; c = 4, k = pick(k; 3, 5), s = 1, d = 1, g = 1, bias = false)
          %y = mux(gate; 1: %x[1], 2: %x[2], 3: %x[3])
          output y = %y
        }
        ---
        space S {
          input image [4, 8, 8]
          decision gate = {1, 2}
          %x[1] = conv(%image; c = 4, k = 3, s = 1, d = 1, g = 1, bias = false)
          %x[2] = conv(%x[1]; c = 4, k = 3, s = 1, d = 1, g = 1, bias = false)
          %y = mux(gate; 1: %x[1], 2: %x[2])
          output y = %y
        }
    """,
    "prune(k = 5, pair = {c, a})": """
        space S {
          input image [4, 8, 8]
          decision k = {3, 5}
          decision pair = 2 of {a, b, c}
          decision w = {2, 4}
          %a = conv(%image; c = pick(w; 2, 4), k = pick(k; 3, 5), s = 1, d = 1, g = 1, bias = false)
          %b = relu(%image)
          %c = hswish(%image)
          %first = mux(pair; "{a, b}": %a, "{a, c}": %a, "{b, c}": %b)
          %second = mux(pair; "{a, b}": %b, "{a, c}": %c, "{b, c}": %c)
          %y = concat(%first, %second)
          require pick(k; 3, 5) == 5 as "k == 5"
          output y = %y
        }
        ---
        space S from S {
          input image [4, 8, 8]
          decision w = {2, 4}
          chosen k = 5
          chosen pair = "{a, c}"
          %a = conv(%image; c = pick(w; 2, 4), k = 5, s = 1, d = 1, g = 1, bias = false)
          %c = hswish(%image)
          %y = concat(%a, %c)
          require true as "k == 5"
          output y = %y
        }
    """,
    "prune(kind = wide)": """
        space S {
          input image [4, 8, 8]
          decision kind = {thin, wide}
          decision more = {no, yes}
          %thin = relu(%image)
          %wide = conv(%image; c = 8, k = 3, s = 1, d = 1, g = 1, bias = false)
          %x = mux(kind; thin: %thin, wide: %wide)
          %z = conv(%x; c = c(%x), k = 3, s = 1, d = 1, g = 1, bias = false)
          %fit = switch(c(%x) == 8; true: %x, false: %z)
          %y = mux(more; no: %x, yes: %fit)
          output y = %y
        }
        ---
        network S from S {
          input image [4, 8, 8]
          chosen kind = wide
          %wide = conv(%image; c = 8, k = 3, s = 1, d = 1, g = 1, bias = false)
          output y = %wide
        }
    """,
    "bind(y = act, k = 5)": """
        space S {
          input image [4, 8, 8]
          decision k = {3, 5}
          decision y = {plain, act}
          %x = conv(%image; c = 8, k = pick(k; 3, 5), s = 1, d = 1, g = 1, bias = false)
          %act = relu(%x)
          %y = mux(y; plain: %image, act: %act)
          output y = %y
        }
        ---
        network S from S {
          input image [4, 8, 8]
          chosen y = act
          chosen k = 5
          %x = conv(%image; c = 8, k = 5, s = 1, d = 1, g = 1, bias = false)
          %act = relu(%x)
          output y = %act
        }
    """,
    "prune(k = 5), bind(y = act)": """
        space S {
          input image [4, 8, 8]
          decision k = {3, 5}
          decision y = {plain, act}
          %x = conv(%image; c = 8, k = pick(k; 3, 5), s = 1, d = 1, g = 1, bias = false)
          %act = relu(%x)
          %y = mux(y; plain: %image, act: %act)
          output y = %y
        }
        ---
        network S from S {
          input image [4, 8, 8]
          chosen k = 5
          chosen y = act
          %x = conv(%image; c = 8, k = 5, s = 1, d = 1, g = 1, bias = false)
          %act = relu(%x)
          output y = %act
        }
    """,
}


@pytest.mark.parametrize(("passes", "texts"), GOLDENS.items(), ids=GOLDENS.keys())
def test_text_in_text_out(passes: str, texts: str):
    before, after = dedent(texts).strip().split("\n---\n")
    graph = parse(before)
    verify(graph, primitives())
    assert dump(read_pipeline(passes)(graph, verify=verified)) == after + "\n"


NETWORK = """
    network N {
      input image [3, 8, 8]
      %x = conv(%image; c = 4, k = 3, s = 2, d = 1, g = 1, bias = false)
      %y = relu(%x)
      output y = %y
    }
"""
CHAIN = """
    space S {
      input image [4, 8, 8]
      decision gate = {shallow, deep}
      decision cell[1].left = {a, b}
      decision cell[1].right = {a, b}
      %x[1] = relu(%image)
      %left = hswish(%x[1])
      %x[2] = mux(cell[1].left; a: %x[1], b: %left)
      %right = hswish(%x[2])
      %x[3] = mux(cell[1].right; a: %x[2], b: %right)
      %y = mux(gate; shallow: %x[1], deep: %x[3])
      output y = %y
    }
"""
ANALYSES = {
    "shapes": (NETWORK, "image 3x8x8\nx 4x4x4\ny 4x4x4"),
    "cost": (NETWORK, "108 parameters, 1,728 MACs"),
    "depths": (CHAIN, "gate: 1, 3 iterations"),
    "cells": (CHAIN, "cell[1]: 2 decisions of 2 outcomes"),
}


@pytest.mark.parametrize(("name", "texts"), ANALYSES.items(), ids=ANALYSES.keys())
def test_what_an_analysis_prints(name: str, texts: tuple[str, str]):
    one: Any = PASSES[name]()
    assert one.text(one(parse(dedent(texts[0])), verify=verified)) == texts[1]


def test_the_identity_of_a_network_does_not_hang_on_names():
    here, there = parse(dedent(NETWORK)), parse(dedent(NETWORK.replace("%x", "%stem")))
    assert (
        Identity()(here, verify=verified)
        == Identity()(there)
        != Identity()(replace(here, outputs={"y": "x"}))
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "simplify",
        "deploy, simplify(across_ops = false)",
        "prune(hyper[1].gate = {1, 2}, body[3].n1.1 = e[1, 2])",
        'prune("a b" = "c)", across_ops = -1), bind(x = 0.5)',
    ],
)
def test_a_pipeline_is_read_back_from_its_text(text: str):
    once = read_pipeline(text)
    assert read_pipeline(pipeline_text(once)) == once
    assert pipeline_text(read_pipeline(pipeline_text(once))) == pipeline_text(once)


labels = st.text(max_size=5)


@given(st.dictionaries(labels, labels | st.lists(labels, min_size=1, max_size=3).map(tuple), min_size=1))
def test_decisions_may_have_any_names(decisions: dict[str, str | tuple[str, ...]]):
    whole = Pipeline((Prune(decisions), Simplify(across_ops=False), Bind(decisions)))
    assert read_pipeline(pipeline_text(whole)) == whole


REFUSED = {
    "simplfy": ("ARCH506", "simplfy", "did you mean `simplify`?"),
    "deploy, x": ("ARCH506", "x", f"available: {', '.join(PASSES)}"),
    "simplify(across = true)": ("ARCH507", "across = true", "did you mean `across_ops`?"),
    "shapes(x = 1)": ("ARCH507", "x = 1", "it has no options"),
    "simplify(across_ops = maybe)": ("ARCH507", "across_ops = maybe", "across_ops = true or false: whether"),
    "simplify(across_ops = {true})": (
        "ARCH507",
        "across_ops = {true}",
        "across_ops = true or false: whether",
    ),
    "prune": ("ARCH507", "prune", "prune(PATH = OUTCOME or {OUTCOME, …}): the outcomes to keep"),
    "bind(a = 1, a = 2)": ("ARCH507", "a", None),
    "deploy,": ("ARCH509", "", None),
    "deploy simplify": ("ARCH509", "simplify", None),
    "prune(a = )": ("ARCH509", ")", None),
    "prune(a = {1, 2)": ("ARCH509", ")", None),
    "prune(a": ("ARCH509", "", None),
    "?": ("ARCH509", "?", None),
    "deploy; simplify": ("ARCH509", ";", None),
    "§": ("ARCH509", "§", None),
    "prune(kind = 7)": ("ARCH502", "kind = 7", "candidates: conv, sep"),
    "prune(kind = {conv, sepp})": ("ARCH502", "kind = {conv, sepp}", "did you mean `sep`?"),
    "prune(kind = {})": ("ARCH502", "kind = {}", "candidates: conv, sep"),
    "simplify, prune(kinds = sep)": ("ARCH501", "kinds = sep", "did you mean `kind`?"),
    "bind(kinds = sep)": ("ARCH501", "kinds = sep", "did you mean `kind`?"),
    "prune(depth = 1)": ("ARCH501", "depth = 1", "its decisions are k, kind"),
    "bind(kind = sepp)": ("ARCH502", "kind = sepp", "did you mean `sep`?"),
    "bind(kind = sep)": ("ARCH504", "bind", "list the decisions of a space with `archdsl explain`"),
    "shapes": ("ARCH508", "shapes", "fix all decisions first: bind(PATH = OUTCOME, …)"),
    "bind(kind = sep, k = 3), prune(k = 3)": ("ARCH508", "prune", "remove `prune`"),
}
SPACE = """arch 1

import sep_conv from "std/ops.arch"

space S {
  input image: [3, 8, 8]
  k = one of {3, 5}
  kind = one of {conv, sep: sep_conv}
  output y = image -> kind(c = 4, k = k)
}
"""


@pytest.mark.parametrize(("text", "found"), REFUSED.items(), ids=REFUSED.keys())
def test_what_cannot_be_run_is_refused_at_its_place(text: str, found: tuple[str, str, str | None]):
    code, place, help = found
    with pytest.raises(SpecError) as caught:
        read_pipeline(text)(archdsl.load("s.arch", text=SPACE).space().graph)
    (one,) = caught.value.diagnostics
    assert one.primary is not None
    where = one.primary.location
    assert (one.code, text[where.start : where.end]) == (code, place)
    assert one.help == help or (one.help or "").startswith(help or "?")


@pytest.mark.parametrize(
    ("choices", "help"),
    [
        ("", "it has no decisions"),
        ("k = one of {3, 5}\n  x = x -> conv(k = k)", "its decisions are k"),
        ("stage s for i in 1..20 { x = x -> one of {relu, conv} }", "its decisions are s[1].x.1, s[2].x.1, "),
    ],
)
def test_an_unknown_decision_is_reported_with_those_that_there_are(choices: str, help: str):
    text = f"arch 1\nspace S {{\n  input image: [3, 8, 8]\n  x = image\n  {choices}\n  output y = x\n}}\n"
    with pytest.raises(SpecError) as caught:
        archdsl.load("s.arch", text=text).space().bind({"quite.another": "1"})
    said = caught.value.diagnostics[0].help or ""
    assert said.startswith(help)
    assert said.endswith("explain` lists them") == ("stage" in choices)


@given(st.text(alphabet='prune(simplify=,){}"1 a[].%§\n', max_size=40))
def test_any_text_is_a_pipeline_or_refused(text: str):
    try:
        codes = {"" for _ in read_pipeline(text).passes}
    except SpecError as error:
        codes = {d.code for d in error.diagnostics}
    assert codes <= {"", "ARCH506", "ARCH507", "ARCH509"}


def test_a_pipeline_has_a_greatest_length():
    with pytest.raises(SpecError, match="longer than 10,000 characters"):
        read_pipeline("deploy, " * (MAX_CHARS // 8) + "deploy")
    assert len(read_pipeline(", ".join(["deploy"] * MAX_PASSES)).passes) == MAX_PASSES
    with pytest.raises(SpecError, match="more than 100 passes"):
        read_pipeline(", ".join(["deploy"] * (MAX_PASSES + 1)))


@dataclass(frozen=True)
class Taking(Analysis[str]):
    """Takes everything that an option can be."""

    name = "taking"
    summary = "its own options"

    flag: bool = option(False, meaning="a flag")
    count: int = option(3, meaning="a number")
    rate: float = option(0.5, meaning="a rate")
    word: str = option("a", meaning="a word")
    words: tuple[str, ...] = option((), meaning="words")
    upper: str = option("", meaning="a word", takes="WORD", read=str.upper)
    rest: Mapping[str, str] = option({}, meaning="decisions", by_decision=True)

    def run(self, graph: Graph) -> str:
        return pass_text(self)


@pytest.mark.parametrize(
    "text",
    [
        "taking",
        "taking(flag = true, count = -7, rate = 1e-3, word = b, words = {a, b})",
        'taking(upper = abc, a.b = 3, "flag" = {c, d})',
    ],
)
def test_options_have_the_types_of_their_fields(text: str):
    found = read_pipeline(text, {"taking": Taking}).passes[0]
    assert isinstance(found, Taking)
    assert found(archdsl.load("s.arch", text=SPACE).space().graph) == text.replace("1e-3", "0.001")
    assert (type(found.count), type(found.rate), found.upper) == (int, float, found.upper.upper())
    assert found.rest.get("flag", ("c", "d")) == ("c", "d")


@pytest.mark.parametrize(
    "option", ["count = 1.5", "rate = nan", "rate = inf", "words = a", "word = {a}", "flag = 1"]
)
def test_values_of_other_types_are_refused(option: str):
    with pytest.raises(SpecError, match=f"ARCH507: invalid value .* of `{option.split()[0]}`"):
        read_pipeline(f"taking({option})", {"taking": Taking})


def test_a_plug_in_registers_a_class_of_passes_and_nothing_else():
    known: Registry[type[Pass[Any]]] = Registry("pass", Pass, {}, classes=True)
    known.add("short", "archdsl.passes.transforms.simplify:Simplify", "plug-in")
    known.add("other", "json:JSONDecoder", "plug-in")
    assert read_pipeline("short", known).passes == (Simplify(),)
    with pytest.raises(SpecError, match="ARCH864"):
        read_pipeline("other", known)


# ---------------------------------------------------------------- the command line


def compiled(capsys, *words: str) -> tuple[int, str, str]:
    code = run(["compile", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.mark.parametrize("form", ["ir", "shapes", "arch", "python"])
def test_deploy_and_simplify_are_what_a_network_goes_through_anyway(form: str, capsys):
    spec = str(SPECS / "plain.arch")
    asked = compiled(capsys, spec, "--passes", "deploy, simplify", "--emit", form)
    assert asked == compiled(capsys, spec, "--emit", form)
    assert asked[0] == 0


def test_a_hyper_cell_is_pruned_on_the_way_to_the_ir(capsys):
    words = ("--passes", "simplify,prune(hyper[1].gate = 2)", "--emit", "ir", "--verify")
    code, out, err = compiled(capsys, str(SPECS / "space.arch"), *words)
    assert (code, err) == (0, "")
    graph = parse(out)
    assert dict(graph.chosen) == {"hyper[1].gate": "2"}
    assert "hyper[2].gate" in graph.decisions


def test_each_step_is_printed_where_that_is_asked_for(tmp_path, capsys):
    (tmp_path / "s.arch").write_text(SPACE)
    words = ("--passes", "bind(kind = sep, k = 5), shapes, simplify", "--print-after-all", "--emit", "python")
    code, out, err = compiled(capsys, str(tmp_path / "s.arch"), *words)
    assert code == 0
    assert "class S(" in out
    first, second, third = err.strip().split("# ")[1:]
    assert first.startswith("after bind(kind = sep, k = 5): 4 nodes, 6 before\nnetwork S from S {")
    assert second.splitlines()[:2] == ["shapes", "image 3x8x8"]
    assert third.startswith("after simplify: 4 nodes, 4 before\nnetwork S from S {")


def test_a_network_of_a_space_is_written_without_a_file_of_rows(tmp_path, capsys):
    (tmp_path / "s.arch").write_text(SPACE)
    words = ("--passes", "bind(kind = conv, k = 3)", "--emit", "arch")
    code, out, _ = compiled(capsys, str(tmp_path / "s.arch"), *words)
    assert code == 0
    assert archdsl.load("n.arch", text=out).network().params == 3 * 4 * 9


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--verify",), "--verify and --print-after-all require --passes"),
        (("--passes", "deploy", "--emit", "ast"), "--passes cannot be combined with --emit ast"),
        (("--passes", "deploy", "--train-outputs"), "implied by --passes"),
        (("--passes", "simplify", "--emit", "arch"), "a transformed space cannot be written as .arch"),
        (("--passes", "simplify", "--emit", "python"), "S is a space"),
    ],
)
def test_options_that_contradict_each_other_are_named(words, said, tmp_path, capsys):
    (tmp_path / "s.arch").write_text(SPACE)
    code, _, err = compiled(capsys, str(tmp_path / "s.arch"), *words)
    assert code == 2
    assert said in " ".join(err.split())


def test_passes_are_listed_with_options_and_contracts(capsys):
    assert run(["passes"]) == 0
    text = capsys.readouterr().out
    assert "prune: transform; removes outcomes of decisions" in text
    assert "  guarantees: no more nodes, outputs, requirements, weights\n" in text
    assert run(["passes", "--json"]) == 0
    listed = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert list(listed) == list(PASSES)
    assert listed["simplify"]["options"] == [
        {
            "name": "across_ops", "takes": "bool", "default": True, "required": False,
            "meaning": "whether to merge equal nodes across applications of declared ops",
        }
    ]  # fmt: skip
    assert (listed["shapes"]["kind"], listed["shapes"]["needs"]) == ("analysis", "network")


def test_a_pass_that_there_is_not_cannot_be_listed(capsys):
    assert run(["passes", "prun"]) == 1
    assert "did you mean `prune`?" in capsys.readouterr().err
