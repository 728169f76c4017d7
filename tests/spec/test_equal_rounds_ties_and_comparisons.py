"""Rounds of equal values, ties, comparisons that never hold, settings as they are written."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

import archdsl
from archdsl.cli import cli
from archdsl.cli import run as main
from archdsl.diagnostics import SpecError
from archdsl.passes.costs.layers import layer_table


def network(body: str, head: str = "") -> archdsl.Network:
    text = f"arch 1\n{head}\nnetwork N {{\n  input image: [8, 16, 16]\n{body}\n}}\n"
    return archdsl.load("n.arch", text=text).network()


def space(body: str, signature: str = "") -> str:
    return f"arch 1\nspace S{signature} {{\n  input image: [8, 16, 16]\n{body}\n}}\n"


def codes(text: str) -> list[str]:
    return [d.code for d in archdsl.load("s.arch", text=text).check().diagnostics]


@pytest.mark.parametrize(
    ("rounds", "count"), [("for s in [1, 1, 1]", 3), ("for s in [1, 2, 1], t in [5, 5]", 6)]
)
def test_every_round_of_equal_values_is_a_row_of_the_layer_table(rounds, count):
    found = network(
        f"x = image\nstage b {rounds} {{ x = x -> f }}\noutput y = x", "op f(x) = x -> conv -> relu"
    )
    rows = layer_table(found.graph, "op")
    assert len({row.name for row in rows}) == len(rows) == count
    assert {row.op for row in rows} == {"f"}


def test_an_op_with_a_body_in_braces_has_its_own_name_in_the_layer_table():
    found = network("x = image -> f\noutput y = x", "op f(x) { y = x -> conv  return y -> relu }")
    assert [row.op for row in layer_table(found.graph, "op")] == ["f"]
    assert [row.op for row in layer_table(found.graph)] == ["conv", "relu"]


def test_layers_without_weights_are_tied_whatever_their_channels():
    body = (
        "a = image -> conv(c = 4, k = 1) -> dropout\nb = image -> conv(c = 4, k = 1) -> dropout\n"
        "tie a, b\noutput y = a + b"
    )
    assert len(list(network(body).module().parameters())) == 1
    wide = "a = image -> dropout\nw = image -> conv(c = 4)\nb = w -> dropout\n"
    network(f"{wide}tie a, b\noutput y = concat(a, b)")


@pytest.mark.parametrize(
    ("b", "why"),
    [
        ("image -> conv(c = 6)", "`c` of `conv` is 4 and 6"),
        ("image -> relu -> conv(c = 4, k = 5)", "`k` of `conv` is 3 and 5"),
        ("concat(image, image) -> conv(c = 4)", "the number of input channels of `conv` is 8 and 16"),
        ("image -> conv(c = 4) -> conv(c = 4)", "1 and 2 layers with weights"),
        ("image -> conv_transpose(c = 4)", "`conv` and `conv_transpose`"),
    ],
)
def test_layers_that_differ_are_not_tied_and_the_message_says_how_they_differ(b: str, why: str):
    with pytest.raises(SpecError, match="ARCH220") as caught:
        network(f"a = image -> conv(c = 4)\nb = {b}\ntie a, b\noutput y = a")
    assert caught.value.diagnostics[0].headline.endswith(why)


COMPARED = "i = one of {{1, 2, 3}}\nx = image -> conv(d = i)\noutput y = (x -> relu) if {} else x"


@pytest.mark.parametrize(
    "condition", ["i in {8 / 3 + 1}", "i == 5 / 2", "i != 0.5", "i in {8 / 3 + 1, 2}", "2.5 == i"]
)
def test_a_comparison_of_a_whole_number_with_another_that_never_holds_is_named(condition):
    assert "ARCH229" in codes(space(COMPARED.format(condition)))


@pytest.mark.parametrize("condition", ["i in {1, 2}", "i == 4 / 2", "2 * i == 3", "i < 2.5"])
def test_a_comparison_that_can_hold_is_not(condition):
    assert "ARCH229" not in codes(space(COMPARED.format(condition)))


def test_a_comparison_that_holds_in_one_round_is_not_named():
    body = "x = image\nstage s for i in 1..4 { x = (x -> relu) if i / 2 == 1 else (x -> conv) }\noutput y = x"
    assert "ARCH229" not in codes(space(body))


LISTED = space(
    "k = one of kernels\ndepth = one of {1, 2}\nx[1] = image -> conv(c = widths[1], k = k)\n"
    "x[2] = x[1] -> conv(c = widths[1])\noutput y = x[depth] -> conv(c = widths[2])",
    "(; widths = [8, 16], kernels = {3, 5})",
)


def run(tmp_path, *words: str):
    (tmp_path / "s.arch").write_text(LISTED)
    return CliRunner().invoke(cli, [words[0], str(tmp_path / "s.arch"), *words[1:]])


@pytest.mark.parametrize("written", ["widths=[4, 6]", "widths=4x6", "widths=[4,6]"])
def test_a_list_is_set_as_it_is_written(tmp_path, written):
    result = run(tmp_path, "explain", "--set", written)
    assert "widths = 4x6" in result.output


def test_a_set_is_set_as_it_is_written_and_kept_by_networks(tmp_path):
    result = run(tmp_path, "explain", "--set", "kernels={1, 3, 7}")
    assert "1, 3, 7" in result.output
    drawn = run(tmp_path, "sample", "--set", "kernels={1, 3, 7}", "widths=[4, 6]", "--seed", "3")
    (tmp_path / "n.arch").write_text(drawn.output)
    read = archdsl.load(tmp_path / "n.arch").network()
    assert read.graph.nodes[next(iter(read.graph.outputs.values()))].attrs["c"] == 6


@pytest.mark.parametrize(
    "wrong", ["kernels=3", "kernels={3", "kernels={one of {1, 3}}", "widths=8", "widths={8}"]
)
def test_what_is_no_list_or_set_is_refused_with_an_example(tmp_path, wrong):
    result = run(tmp_path, "check", "--set", wrong)
    assert result.exit_code == 1
    assert "ARCH208" in result.output
    assert f"--set '{wrong.partition('=')[0]}=" in result.output


PARTS = space(
    "k = one of kernels\nx = image -> kind -> conv(c = size.c, k = k)\n"
    "output y = x -> conv(c = widths[1] * n)",
    "(; kind: op = conv, size = (c = 4, k = 3), widths = [8, 16], kernels = {3, 5}, n = 2, act = relu)",
)


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("kind", "dwconv", "an op"),
        ("act", "3", "an op"),
        ("size", "3", "a record"),
        ("size", "(c = 8)", "a record"),
    ],
)
def test_ops_and_records_are_set_in_the_file(tmp_path, capsys, name, value, kind):
    file = tmp_path / "s.arch"
    file.write_text(PARTS)
    assert main(["check", str(file), "--set", f"{name}={value}"]) == 1
    out = capsys.readouterr().out
    assert f"error[ARCH208]: `{name}` must be {kind}, got {value}" in out
    network = re.search(r"help: .* network NAME from (.*\)) \{…\}", out)
    assert network
    file.write_text(f"{PARTS}network N from {network[1]} {{ k = 3 }}\n")
    assert main(["check", str(file)]) == 0


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("widths={1, 2}", "got {1, 2}"),
        ("kernels=3", "got 3"),
        ("n=true", "got true"),
        ("n=[1, 2]", "got [1, 2]"),
        ("image=3x4", "got [3, 4]"),
        *[
            (f"{name}={'1' * 5_000}", "got 1111")
            for name in ("n", "widths", "kernels", "image", "kind", "size")
        ],
        (f"n={'a' * 5_000}", "got aaa"),
        (f"widths=[{'1' * 5_000}]", "write 111"),
        (f"widths={{{', '.join(map(str, range(5_000)))}}}", "got {0, 1"),
        (f"{'n' * 5_000}=3", "no setting `nnn"),
    ],
)
def test_values_in_messages_are_short_and_as_written(tmp_path, capsys, setting, said):
    (tmp_path / "s.arch").write_text(PARTS)
    assert main(["check", str(tmp_path / "s.arch"), "--set", setting]) == 1
    out = capsys.readouterr().out
    assert said in out
    assert len(out) < 1_500


def test_integers_that_python_does_not_write_are_refused_as_well():
    with pytest.raises(SpecError, match="must be a list"):
        archdsl.load("s.arch", text=PARTS).space(widths=10**5_000)


@pytest.mark.parametrize("order", ["tie a, b", "tie b, a"])
def test_weights_tied_in_an_op_are_tied_in_each_of_its_uses(order: str) -> None:
    op = f"op f(x) {{ a = x -> conv  b = a -> conv  {order}  return b }}"
    found = network("x = image\nstage s repeat 3 { x = x -> f }\noutput y = x -> f", op)
    assert len({node.weights for node in found.graph.nodes.values()}) == 4
    assert found.params == 4 * 8 * 8 * 9


def test_one_slope_for_all_channels_is_tied_to_that_of_another_number_of_channels() -> None:
    body = "a = image -> prelu(shared = true)\nb = a -> conv(c = 4)\nc = b -> prelu(shared = true)\n"
    body += "tie a, c\noutput y = c"
    assert network(body).params == 8 * 4 * 9 + 1
