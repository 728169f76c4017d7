"""The text form of a graph and its way back."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archdsl.diagnostics import SpecError
from archdsl.ir import Apply, Decision, Dim, Graph, Instance, Measure, Mux, Node, Pick, Requirement
from archdsl.ir.text import dump, parse, value_text
from archdsl.ir.text.tokens import MAX_CHARS, MAX_DEPTH
from archdsl.ir.verify import verify
from ir.strategies import graphs

TINY = Graph(
    "Tiny",
    {"image": (3, 64, 128)},
    {
        n.name: n
        for n in (
            Node(
                "stem.conv",
                "conv",
                ("image",),
                {"c": 16, "s": Pick("depth", (1, 2))},
                "stem.conv",
                instance="stem",
            ),
            Node("stem.bn", "bn", ("stem.conv",), {"eps": 1e-5}, "stem.bn", instance="stem"),
            Node("twin", "conv", ("stem.bn",), {"c": 8}, "stem.conv", cell="body[3]"),
            Mux("m", "depth", ((0, "stem.bn"), (1, None))),
            Mux("pair.mux", "pair", ((0, "m"), (1, "twin"), (2, "m"))),
            Mux("even", Apply("eq", (Apply("mod", (Dim("m", 1), 2)), 0)), ((True, "m"), (False, "twin"))),
            Node("out", "concat", ("m", "even"), {"size": (1, 2)}, "out", frozenset({1})),
        )
    },
    {"logits": "out"},
    {
        d.path: d
        for d in (
            Decision("depth", ("2", "3")),
            Decision("body[3].n1.1", ("zero", "sep 3"), under=("depth", 1)),
            Decision("pair", ("a", "b", "c"), 2, under=("body[3].n1.1", 1)),
        )
    },
    {"stem": Instance("stem", "op", "conv_bn"), "body[3]": Instance("body[3]", "cell", "Node")},
    (Requirement(Apply("le", (Measure("latency", (("device", "x"),)), 9.5)), "latency <= 9.5 ms"),),
    {"classes": 19, "image": (3, 64, 128)},
)

TINY_TEXT = """\
space Tiny (classes = 19, image = [3, 64, 128]) {
  input image [3, 64, 128]
  decision depth = {2, 3}
  decision body[3].n1.1 = {zero, "sep 3"} under depth = 3
  decision pair = 2 of {a, b, c} under body[3].n1.1 = "sep 3"
  op stem = conv_bn
  cell body[3] = Node
  %stem.conv = conv(%image; c = 16, s = pick(depth; 1, 2)) @stem
  %stem.bn = bn(%stem.conv; eps = 1e-05) @stem
  %twin = conv(%stem.bn; c = 8) in body[3] weights stem.conv
  %m = mux(depth; 2: %stem.bn, 3: none)
  %pair.mux = mux(pair; "{a, b}": %m, "{a, c}": %twin, "{b, c}": %m)
  %even = switch((h(%m) % 2) == 0; true: %m, false: %twin)
  %out = concat(%m, %even?; size = [1, 2])
  require measure(latency; device = "x") <= 9.5 as "latency <= 9.5 ms"
  output logits = %out
}
"""


BAD_ESCAPE = "the string contains a control character, or an invalid JSON escape"


def small(line: str) -> str:
    return f"network N {{\n  input x [3, 8, 8]\n  {line}\n  output y = %x\n}}\n"


def diagnostics_of(text: str):
    try:
        parse(text)
    except SpecError as error:
        return error.diagnostics
    return ()


def test_a_graph_is_written_one_node_a_line():
    assert dump(TINY) == TINY_TEXT


def test_the_text_of_a_graph_parses_back_to_it():
    assert parse(TINY_TEXT) == TINY


def test_the_shapes_of_nodes_are_written_as_comments():
    shapes = {"stem.conv": (16, 32, 64), "m": (Pick("depth", (8, 16)), 32, 64)}
    text = dump(TINY, shapes=shapes)
    assert "@stem  # [16, 32, 64]\n" in text
    assert "3: none)  # [pick(depth; 8, 16), 32, 64]\n" in text
    assert parse(text) == TINY


@pytest.mark.slow
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(graphs())
def test_every_graph_comes_back_from_its_text(graph):
    text = dump(graph)
    back = parse(text)
    assert back == graph
    assert list(back.nodes) == list(graph.nodes)
    assert dump(back) == text  # also tells 1 from true and from 1.0, which are equal in Python
    verify(back)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_damaged_text_is_a_diagnostic_or_a_graph(data):
    text = TINY_TEXT
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 12)))
        text = text[:start] + data.draw(st.text('%"{}[]();:=,!?@#-.0a\n é\x00', max_size=4)) + text[end:]
    (diagnostic,) = diagnostics_of(text) or [None]
    assert diagnostic is None or diagnostic.code in {"ARCH850", "ARCH851"}
    assert diagnostic is None or diagnostic.primary is not None


@pytest.mark.parametrize(
    ("text", "headline", "place"),
    [
        ("", "expected `space` or `network`, got the end of the text", "<graph>:1:1"),
        ("network N {", "expected `}` or a statement, got the end of the text", "<graph>:1:12"),
        (small("%a conv(%x)"), "expected `=`, got `conv`", "<graph>:3:6"),
        (small("%a = conv(%x; c = )"), "expected a value, got `)`", "<graph>:3:21"),
        (small("%a = conv(%x; c = 1, c = 2)"), "duplicate setting in this list", "<graph>:3:17"),
        (small("%a = relu(%x)\n  %a = relu(%x)"), "duplicate definition of `a`", "<graph>:4:3"),
        (small("%a = mux(d; one: %x)"), "no decision `d` is declared above", "<graph>:3:15"),
        (small("decision d = {a} under e = a"), "no decision `e` is declared above", "<graph>:3:30"),
        (small("decision d = {a}\n  %b = mux(d; z: %x)"), "`d` has no outcome `z`", "<graph>:4:15"),
        (small("decision d = {a}"), "a network must not have decisions, and a space must", "<graph>:1:1"),
        (small("input z [3, 8]"), "an input must have three sizes: channels, height, width", "<graph>:3:3"),
        (small("input z [3, 8, 0.5]"), "expected an integer", "<graph>:3:18"),
        (small("require 1 + 2 * 3 as \"\""), "`*` next to `+`", "<graph>:3:17"),
        (small('require "\\q" as ""'), BAD_ESCAPE, "<graph>:3:11"),
        (small("require sin(1) as \"\""), "expected a value, got `sin`", "<graph>:3:11"),
        (small("§"), "unexpected '§' in the text of a graph", "<graph>:3:3"),
        (small("") + "more", "expected the end of the text, got `more`", "<graph>:6:1"),
    ],
)  # fmt: skip
def test_malformed_text_is_located(text, headline, place):
    with pytest.raises(SpecError) as caught:
        parse(text)
    (diagnostic,) = caught.value.diagnostics
    assert (diagnostic.code, diagnostic.headline) == ("ARCH850", headline)
    assert str(diagnostic.primary.location) == place


@pytest.mark.parametrize(
    ("text", "headline"),
    [
        (small("require " + "(" * 100_000 + '1 as ""'), f"brackets nested more than {MAX_DEPTH} levels deep"),
        (small("require 1" + " + 1" * 100_000 + ' as ""'), "more than 1000 terms in a chain"),
        (small("require " + "9" * 5000 + ' as ""'), "a number with more than 400 digits"),
        (" " * (MAX_CHARS + 1), f"the text of a graph is longer than {MAX_CHARS:,} characters"),
    ],
)
def test_text_beyond_the_limits_is_refused(text, headline):
    with pytest.raises(SpecError) as caught:
        parse(text)
    assert [(d.code, d.headline) for d in caught.value.diagnostics] == [("ARCH851", headline)]


def test_outcomes_too_many_to_list_are_written_by_their_number():
    decision = Decision("d", tuple(f"l{i}" for i in range(60)), 30)
    graph = Graph("N", {"x": (3, 8, 8)}, {"m": Mux("m", "d", ((5, "x"),))}, {"y": "m"}, {"d": decision})
    assert "%m = mux(d; !5: %x)" in dump(graph)
    assert parse(dump(graph)) == graph
    with pytest.raises(SpecError, match="too many outcomes to use names"):
        parse(dump(graph).replace("!5", "l5"))


def test_a_value_as_deep_as_the_limit_comes_back_and_a_deeper_one_is_not_written():
    def nested(depth: int) -> Graph:
        value = Dim("x", 0)
        for _ in range(depth):
            value = Apply("not", (value,))
        return Graph("N", {"x": (3, 8, 8)}, {}, {"y": "x"}, requirements=(Requirement(value, ""),))

    assert parse(dump(nested(MAX_DEPTH - 1))) == nested(MAX_DEPTH - 1)
    with pytest.raises(SpecError, match="ARCH851"):
        dump(nested(MAX_DEPTH + 1))


def test_a_value_that_doubles_at_each_step_is_refused_before_it_fills_the_memory():
    value = Dim("x", 0)
    for _ in range(60):
        value = Apply("max", (value, value))
    with pytest.raises(SpecError, match="ARCH851"):
        value_text(value)
