"""Diagrams of networks, spaces and decisions.

What is compared is DOT text, never a picture: versions of Graphviz differ in these.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

import archdsl
from archdsl.backends import diagram
from archdsl.backends.diagram import files
from archdsl.backends.diagram.layers import MOST_LANES, Block, arrange
from archdsl.backends.diagram.layout import lay_out
from archdsl.backends.diagram.svg import to_svg
from archdsl.diagnostics import SpecError
from archdsl.ir.text import parse

SPECS = Path(__file__).resolve().parents[2] / "specs"
SVG = "{http://www.w3.org/2000/svg}"

CHAIN = parse("""
network Chain {
  input image [3, 32, 64]
  op stem = conv_bn
  %stem.conv = conv(%image; c = 8, k = 3, s = 2, d = 1, g = 1, bias = false) @stem
  %stem.bn = bn(%stem.conv; eps = 1e-05, momentum = 0.1, affine = true) @stem
  %up = resize(%stem.bn, %image; mode = "bilinear", align_corners = false)
  %sum = add(%up, %up)
  output logits = %sum
}
""")

SPACE = parse("""
space Tiny {
  input image [3, 32, 64]
  decision depth = {1, 2}
  decision body[1].kind = {skip, wide}
  decision body[2].kind = {skip, wide} under depth = 2
  op body[1].x.wide = conv5
  op body[2].x.wide = conv5
  %body[1].x.wide.conv = conv(%image; c = 3, k = 5, s = 1, d = 1, g = 1, bias = false) @body[1].x.wide
  %body[1].x.mux = mux(body[1].kind; skip: %image, wide: %body[1].x.wide.conv)
  %body[1].y = relu(%body[1].x.mux)
  %body[2].x.wide.conv = conv(%body[1].y; c = 3, k = 5, s = 1, d = 1, g = 1, bias = false) @body[2].x.wide
  %body[2].x.mux = mux(body[2].kind; skip: %body[1].y, wide: %body[2].x.wide.conv)
  %body[2].y = relu(%body[2].x.mux)
  %picked = mux(depth; 1: %body[1].y, 2: %body[2].y)
  output logits = %picked
}
""")

CHAIN_DOT = """\
b0 [image; 3 × 32 × 64] shape=box
b1 [conv_bn k3 s2; stem; 8 × 16 × 32] shape=box
b2 [resize; up; 8 × 32 × 64] shape=box
b3 [add] shape=ellipse
b4 [logits; 8 × 32 × 64] shape=box
b0 -> b1
b1 -> b2
b0 -> b2 [style=dashed]
b2 -> b3
b3 -> b4
"""

HOSTILE = '<script>alert(1)</script>"];}&\n\\'


def shipped(*stems: str) -> dict[str, archdsl.Space | archdsl.Network]:
    return {stem: archdsl.load(SPECS / f"{stem}.arch").target() for stem in stems}


@pytest.fixture
def no_graphviz(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    monkeypatch.setattr(files, "find_spec", lambda name: None)


def outlined(dot: str) -> str:
    """DOT text without its head, its colours and its markup."""
    lines = []
    for line in dot.splitlines()[4:-1]:
        label = re.search(r"label=<(.*)> color", line)
        words = re.findall(r">([^<>]+)<", f">{label[1]}<") if label else []
        shape = re.search(r"shape=\w+", line)
        text = f"{line.split()[0]} [{'; '.join(words)}] {shape[0]}" if shape else line.strip()
        lines.append(re.sub(r'color="#\w+" ', "", text))
    return "\n".join([*lines, ""])


def test_a_network_is_drawn_op_by_op():
    assert outlined(diagram.network_dot(CHAIN, "op")) == CHAIN_DOT


def test_arithmetic_with_a_number_is_drawn_with_the_number():
    text = (
        "arch 1\nspace S {\n  input image: [3, 8, 8]\n  w = one of {0.5, 0.25}\n  a = 1 - image\n"
        "  b = image / 4\n  c = 2 * image - 1 + a\n  output y = concat(b, c, -image, w * image)\n}\n"
    )
    drawing = diagram.space(archdsl.load("s.arch", text=text).space().graph)
    titles = {box.title for box in drawing.boxes}
    assert {"1 - x", "0.25 x", "2 x", "x - 1", "-x", "… x"} <= titles


def test_the_primitives_of_an_op_stand_in_its_frame():
    drawing = diagram.network(CHAIN, "primitive")
    assert [(c.id, c.title) for c in drawing.clusters] == [("stem", "stem · conv_bn")]
    assert {b.id: b.cluster for b in drawing.boxes}["stem.conv"] == "stem"


def test_a_tensor_of_which_only_the_size_is_read_comes_by_a_dashed_arrow():
    kinds = {(e.tail, e.head): e.kind for e in diagram.network(CHAIN, "op").edges}
    assert kinds["image", "up"] == "size"
    assert kinds["stem", "up"] == "tensor"


def test_ops_that_share_an_activation_are_drawn_side_by_side():
    conv = "k = 3, s = 1, d = 1, g = 1, bias = false"
    graph = parse(f"""
        network Shared {{
          input image [3, 8, 8]
          op left = act_conv
          op right = act_conv
          %left.relu = relu(%image) @left
          %left.conv = conv(%left.relu; c = 3, {conv}) @left
          %right.conv = conv(%left.relu; c = 3, {conv}) @right
          %sum = add(%left.conv, %right.conv)
          output y = %sum
        }}
    """)
    arrows = {(e.tail, e.head) for e in diagram.network(graph, "op").edges}
    assert ("image", "right") in arrows
    assert ("left", "right") not in arrows


def test_boxes_are_filled_by_resolution():
    levels = {b.id: b.level for b in diagram.network(CHAIN, "op").boxes}
    assert (levels["image"], levels["stem"], levels["up"]) == (0, 1, 0)


def test_ops_to_choose_from_are_listed_in_one_box():
    drawing = diagram.space(SPACE, "op")
    box = next(b for b in drawing.boxes if b.id == "body[1].x.mux")
    assert (box.kind, box.title, box.lines) == ("choice", "kind", ("x", "skip · wide"))
    assert "body[1].x.wide" not in {b.id for b in drawing.boxes}


def test_tensors_to_pick_from_come_by_arrows_that_say_when():
    drawing = diagram.space(SPACE, "op")
    assert next(b.kind for b in drawing.boxes if b.id == "picked") == "mux"
    assert {e.label for e in drawing.edges if e.head == "picked"} == {"1", "2"}


def test_decisions_that_hang_under_another_are_joined_to_it():
    drawing = diagram.decisions(SPACE)
    assert [(b.title, b.rows) for b in drawing.boxes[1:]] == [
        ("outside stages and cells", (("depth", "1 · 2"),)),
        ("body[1]", (("kind", "skip · wide"),)),
        ("body[2]", (("kind", "skip · wide"),)),
    ]
    assert ("at ", "at body[2]", "depth = 2") in {(e.tail, e.head, e.label) for e in drawing.edges}


def test_alike_decisions_of_many_cells_are_one_table():
    drawing = diagram.decisions(shipped("fasterseg")["fasterseg"].graph)
    titles = [b.title for b in drawing.boxes if b.kind == "table"]
    assert "widths[1, 8] … widths[15, 32]  × 44" in titles
    assert "cells[3, 16] … cells[16, 32]  × 27" in titles
    assert len(titles) == 4


def test_repeated_cells_are_closed_and_one_of_them_is_drawn_apart():
    drawing = diagram.space(shipped("fasterseg")["fasterseg"].graph)
    assert sum(b.kind == "cell" for b in drawing.boxes) == 45
    (inset,) = [c for c in drawing.clusters if c.inset]
    assert inset.title == "inside cells[3, 16] and 44 more"
    inside = {b.title: b.kind for b in drawing.boxes if b.cluster == inset.id}
    assert (inside["x"], inside["kind"]) == ("mux", "choice")


DRAWN = sorted(
    p.stem
    for p in SPECS.glob("*.arch")
    if re.search(r"^(space|network) ", p.read_text("utf-8"), re.MULTILINE)
)
"""The shipped files that declare something to draw: one has a search alone."""


@pytest.mark.parametrize("stem", DRAWN)
def test_every_shipped_spec_fits_on_a_page(stem: str):
    target = shipped(stem)[stem]
    drawing = diagram.network(target.graph) if target.graph.is_fixed else diagram.space(target.graph)
    assert len(drawing.boxes) <= 220
    ends = {e.tail for e in drawing.edges} | {e.head for e in drawing.edges}
    assert ends == {b.id for b in drawing.boxes}  # nothing is left out, nothing stands alone
    assert {b.cluster for b in drawing.boxes} - {None} <= {c.id for c in drawing.clusters}


@pytest.mark.parametrize("stem", ["autortnet", "autortnet_a", "fasterseg", "template"])
def test_without_graphviz_boxes_do_not_overlap_and_stand_in_their_frames(stem: str):
    graph = shipped(stem)[stem].graph
    drawing = diagram.network(graph) if graph.is_fixed else diagram.space(graph)
    layout = lay_out(drawing)
    rects = list(layout.boxes.values())
    for n, a in enumerate(rects):
        assert not any(
            a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height
            for b in rects[n + 1 :]
        )
    for box in drawing.boxes:
        if box.cluster is not None:
            inner, outer = layout.boxes[box.id], layout.clusters[box.cluster]
            assert outer.x <= inner.x
            assert inner.x + inner.width <= outer.x + outer.width + 1e-6
            assert outer.y <= inner.y
            assert inner.y + inner.height <= outer.y + outer.height + 1e-6


def test_blocks_that_read_each_other_in_a_circle_are_placed_all_the_same():
    a, b, c = (Block(name, 10, 10) for name in "abc")
    arrange([a, b, c], [(a, b), (b, c), (c, a)])
    assert a.y < b.y < c.y


def test_the_lanes_of_a_dense_diagram_are_limited_and_graphviz_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    text = """arch 1
network Dense {
  input image: [8, 16, 16]
  x[1] = image -> conv(c = 8)
  stage body for i in 2..60 { x[i] = add(x[1..i - 1]) -> conv(c = 8) }
  output y = x[60]
}
"""
    graph = archdsl.load("dense.arch", text=text).network().graph
    drawing = diagram.network(graph)
    ways = lay_out(drawing).edges.values()
    assert len(ways) > files.MOST_EDGES
    assert max(len(way) for way in ways) > 2  # short edges pass through lanes
    assert sum(len(way) - 2 for way in ways) // 2 <= MOST_LANES
    monkeypatch.setattr(files, "graphviz", lambda kind: ["dot"])
    monkeypatch.setattr(files, "_run", lambda command, dot: pytest.fail("Graphviz was asked"))
    assert diagram.svg(graph) == to_svg(drawing)
    with pytest.raises(SpecError, match=r"it has 1,\d+ edges, and more than 1,000 take too long"):
        diagram.render(graph, tmp_path / "dense.png")


@pytest.mark.slow
def test_the_text_of_a_diagram_does_not_depend_on_hash_seeds():
    script = (
        "import sys, archdsl; from archdsl.backends import diagram; "
        "graph = archdsl.load(sys.argv[1]).target().graph; "
        "print(diagram.space_dot(graph), diagram.decisions_dot(graph))"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", script, str(SPECS / "template.arch")],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=SPECS.parent,
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1


@pytest.mark.slow
def test_a_graph_of_thousands_of_loose_nodes_is_drawn_in_parts():
    nodes = "".join(f"  %n{i} = relu(%{'image' if i == 0 else f'n{i - 1}'})\n" for i in range(3000))
    graph = parse(f"network Long {{\n  input image [3, 8, 8]\n{nodes}  output y = %n2999\n}}")
    drawing = diagram.network(graph)
    assert len(drawing.boxes) < 400
    assert "n0 … n74" in {b.title for b in drawing.boxes}


def test_names_cannot_become_markup():
    text = files.picture(diagram.network(hostile()), "dot").decode()
    assert HOSTILE[:8] not in text
    assert "&lt;script&gt;" in text
    svg = to_svg(diagram.network(hostile()))
    root = ElementTree.fromstring(svg)
    known = {"svg", "title", "defs", "marker", "path", "rect", "g", "text", "ellipse", "polygon"}
    assert {e.tag.removeprefix(SVG) for e in root.iter()} <= known
    assert any("<script>alert(1)</script>" in (e.text or "") for e in root.iter(f"{SVG}text"))


def test_graphviz_reads_the_text_of_hostile_names():
    pygraphviz = pytest.importorskip("pygraphviz")
    drawing = diagram.network(hostile())
    read = pygraphviz.AGraph(string=str(diagram.network_dot(hostile())))
    assert len(read.nodes()) == len(drawing.boxes)
    assert len(read.edges()) == len(drawing.edges)


def hostile():
    import json

    name = json.dumps(HOSTILE)
    return parse(f"""
        network {name} {{
          input {name} [3, 8, 8]
          op "op {name[1:]} = {name}
          %"op.{name[1:]} = relu(%{name}) @"op {name[1:]}
          output {name} = %"op.{name[1:]}
        }}
    """)


def test_without_graphviz_svg_is_drawn_all_the_same(no_graphviz, tmp_path: Path):
    diagram.render(diagram.space_dot(SPACE), tmp_path / "space.svg")
    root = ElementTree.parse(tmp_path / "space.svg").getroot()
    words = [e.text for e in root.iter(f"{SVG}text")]
    assert {"Tiny", "image", "logits", "depth", "kind", "skip · wide"} <= set(words)


def test_without_graphviz_a_png_is_a_diagnostic_that_says_what_to_install(no_graphviz, tmp_path: Path):
    with pytest.raises(SpecError) as caught:
        diagram.render(SPACE, tmp_path / "space.png")
    (found,) = caught.value.diagnostics
    assert (found.code, found.headline) == ("ARCH860", "Graphviz, needed for PNG, is not installed")
    assert "archdsl[viz]" in (found.help or "")
    assert not (tmp_path / "space.png").exists()


def test_a_suffix_of_no_picture_is_a_diagnostic(tmp_path: Path):
    with pytest.raises(SpecError, match=r"ARCH860: unknown image format `\.gif`"):
        diagram.render(SPACE, tmp_path / "space.gif")


def test_a_png_that_graphviz_does_not_finish_is_a_diagnostic_and_an_svg_is_drawn(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    slow = tmp_path / "dot"
    slow.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(60)\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(files, "TIMEOUT_S", 0.5)
    with pytest.raises(SpecError, match="ARCH861: Graphviz did not render"):
        diagram.render(CHAIN, tmp_path / "chain.png")
    assert diagram.svg(CHAIN) == to_svg(diagram.network(CHAIN))


def test_the_svg_for_notebooks_is_one_element():
    assert diagram.svg(SPACE).startswith("<svg")
    assert ElementTree.fromstring(diagram.svg(SPACE)).tag == f"{SVG}svg"


@pytest.mark.parametrize(
    ("suffix", "begins"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml"), ("dot", b"digraph")]
)
def test_graphviz_makes_each_form(suffix: str, begins: bytes, tmp_path: Path):
    if files.graphviz(suffix) is None and suffix != "dot":
        pytest.skip("Graphviz is not installed")
    diagram.render(diagram.decisions_dot(SPACE), tmp_path / f"decisions.{suffix}")
    assert (tmp_path / f"decisions.{suffix}").read_bytes().startswith(begins)
