"""Habits from other notations: the finding says what is written here instead."""

from __future__ import annotations

import pytest

import archdsl
from archdsl.diagnostics import SpecError

HEAD = """arch 1
import sep_conv, conv_bn_relu from "std/ops.arch"
space S(; width = 8) {
  input image: [3, 64, 128]
  x = image -> conv(c = 8)
  """
TAIL = """
  output y = x -> conv(c = 4)
}
"""

IN_SPACE = [
    ("stage for i in 1..4 {\n x = x -> conv\n }", "ARCH100", "stage NAME for"),
    ("for i in 1..4 {\n x = x -> conv\n }", "ARCH100", "stage NAME for"),
    ("for i in range(4):\n x = x -> conv", "ARCH100", "stage NAME for"),
    ("while width > 4 {\n x = x -> conv\n }", "ARCH100", "stage NAME for"),
    ("repeat 3 {\n x = x -> conv\n }", "ARCH100", "stage NAME repeat 3"),
    ("stage s i in 1..3 {\n x = x -> conv\n }", "ARCH100", "stage NAME for"),
    ("stage s for (a, b) in {1, 2} {\n x = x -> conv\n }", "ARCH100", "for i in 1..2, c in {8, 16}"),
    ("stage s for i in range(1, 4) {\n x = x -> conv\n }", "ARCH201", "{1..4}"),
    ("stage s for i in 1...4 {\n x = x -> conv\n }", "ARCH100", "`..`"),
    ("if width > 4 {\n x = x -> conv\n }", "ARCH105", "if condition else"),
    ("if width > 4:\n x = x -> conv", "ARCH100", "if condition else"),
    ("z = if width == 1 then x else x", "ARCH100", "a if condition else b"),
    ("z = x -> conv(c = x.c > 4 ? 8 : 16)", "ARCH100", "a if condition else b"),
    ("z = x -> conv_bn_relu(32)", "ARCH207", "conv_bn_relu(c = 32)"),
    ("z = x -> conv(32, 3)", "ARCH207", "conv(c = 32, k = 3)"),
    ("z = conv(x, 32)", "ARCH207", "conv(c = 32)"),
    ("z = sep_conv(x, 5)", "ARCH207", "settings are passed by name"),
    ("z = x -> max_pool(2)", "ARCH207", "max_pool(k = 2)"),
    ("z = x -> dropout(0.5)", "ARCH207", "dropout(p = 0.5)"),
    ("z = x -> upsample(2)", "ARCH207", "upsample(scale = 2)"),
    ("z = x -> batch_norm", "ARCH201", "write bn"),
    ("z = x -> BatchNorm2d", "ARCH201", "write bn"),
    ("z = x -> conv2d(c = 8)", "ARCH201", "write conv("),
    ("z = x -> ReLU", "ARCH201", "write relu"),
    ("z = x -> adaptive_avg_pool2d(1)", "ARCH201", "global_pool"),
    ("z = x -> interpolate(scale = 2)", "ARCH201", "resize"),
    ("z = x -> dense(c = 10)", "ARCH201", "linear(c"),
    ("z = x -> LayerNorm", "ARCH201", "layer_norm"),
    ("z = x -> MultiheadAttention(4)", "ARCH201", "attention(heads"),
    ("z = x -> conv(kernel_size = 3)", "ARCH204", "write k"),
    ("z = x -> conv(out_channels = 8)", "ARCH204", "write c"),
    ("z = x -> conv(stride = 2)", "ARCH204", "write s"),
    ("z = x -> conv(pad = 1)", "ARCH204", "write padding"),
    ("z = x -> bn(padding = 1)", "ARCH204", "windows are padded by d * (k - 1) / 2"),
    ("z = x -> conv(padding = same)", "ARCH201", '"same"'),
    ("z = x -> avg_pool(count_include_pad = true)", "ARCH204", "write count_padding"),
    ("z = x -> conv(dilation = 2)", "ARCH204", "write d"),
    ("z = x -> conv(groups = 2)", "ARCH204", "write g"),
    ("z = x -> upsample(scale_factor = 2)", "ARCH204", "write scale"),
    ("z = x.conv(c = 8)", "ARCH221", "x -> conv"),
    ("z = x -> conv(c = x.channels)", "ARCH221", "write .c"),
    ("z = x -> conv(c = x.shape[1])", "ARCH221", ".c, .h and .w"),
    ("pair = any 2 of {a: x, b: x -> relu, c: x -> silu}\n z = pair[1] -> conv", "ARCH207", "concat(SET)"),
    ("z = x / x", "ARCH207", "x / 2"),
    ("z = 1 / x", "ARCH207", "x / 2"),
    ("z = x + [1]", "ARCH207", "a + b, a - b, a * b"),
    ("z = relu * x", "ARCH207", "a + b, a - b, a * b"),
    ("z = x if x > 0 else x", "ARCH207", "x.c, x.h and x.w"),
    ("a = x -> conv; b = a -> conv", "ARCH100", "write one per line"),
    ("k = choice(3, 5)", "ARCH201", "one of {a, b}"),
    ("k = one_of {3, 5}", "ARCH100", "one of {a, b}"),
    ("k = one of [3, 5]", "ARCH106", "braces"),
    ("k = 3 | 5", "ARCH101", "one of {a, b}"),
    ("k = any of {a: x, b: image}", "ARCH100", "any 2 of"),
    ("k = 2 of {a: x, b: image}", "ARCH100", "any 2 of"),
    ("z = x -> one of {skip_connect, conv}", "ARCH201", "skip"),
    ("let z = x -> conv", "ARCH100", "x = …"),
    ("z <- x -> conv", "ARCH100", "`=`"),
    ("z := x -> conv", "ARCH109", "`=`"),
    ("z = x |> conv", "ARCH100", "`->`"),
    ("z = x >> conv", "ARCH100", "`->`"),
    ("z = x => conv", "ARCH100", "`->`"),
    ("z = x -> conv(c = 2 ^ 3)", "ARCH101", "a ** b"),
    ("z = x ** 2", "ARCH207", "x * x"),
    ("z = x // 2", "ARCH207", "x / 2"),
    ("k = one of {relu, silu} - {relu}", "ARCH207", "one of (SET - {a})"),
    ("k = some of {relu, silu}", "ARCH207", "any 2 of"),
    ("k = defined(x, x)", "ARCH206", "defined(x[i])"),
    ("z = x -> conv(c = 8 if width <> 8 else 4)", "ARCH100", "`!=`"),
    ("/* a comment */", "ARCH100", "#"),
    ("// a comment", "ARCH100", "#"),
    ("z = None", "ARCH201", "`?`"),
    ("z = x -> conv(bias = True)", "ARCH201", "write true"),
    ("z = concat([x -> conv(d = d) for d in {1, 2}])", "ARCH100", "x[*]"),
    ("z = concat(*{x, image})", "ARCH100", "concat(SET)"),
    ("z = x[0:4]", "ARCH100", "x[1..4]"),
    ("z = x -> [conv, bn]", "ARCH209", "x -> conv -> bn"),
    ("f = lambda t: t -> conv", "ARCH100", "op NAME(x)"),
    ("k = one of {8..32 by 8}", "ARCH100", "step 8"),
    ("k = one of {8..32:8}", "ARCH100", "step 8"),
    ('k = one of {"a": 3, "b": 5}', "ARCH100", "without quotes"),
    ("assert params <= 3M", "ARCH100", "require"),
    ("require params < 3 million", "ARCH104", "write 3M"),
    ("require latency <= 9 ms", "ARCH207", "latency(…)"),
]  # fmt: skip

WHOLE = [
    ("def f(x):\n  return x\n", "ARCH100", "op NAME(x"),
    ("class Net(Module):\n  pass\n", "ARCH100", "network NAME"),
    ("model Net { input image: [3, 8, 8]\n output y = image }", "ARCH100", "network NAME"),
    ('from "std/ops.arch" import skip', "ARCH100", "import NAME"),
    ('import * from "std/ops.arch"', "ARCH100", "import NAME"),
    ("import skip from 'std/ops.arch'", "ARCH101", "double quotes"),
    ("op f(x): x -> conv", "ARCH100", "op NAME(x) ="),
    ("op f(x) -> x -> conv", "ARCH100", "op NAME(x) ="),
    ("space S:\n  input image: [3, 8, 8]\n", "ARCH100", "braces"),
    ("space S(image: [3, 8, 8]) { output y = image }", "ARCH100", "in its body"),
    ("space S {\n  input image = [3, 8, 8]\n  output y = image\n}", "ARCH100", "input image: ["),
    ("space S {\n  input image\n  output y = image\n}", "ARCH100", "input image: ["),
    ("space S {\n  input image: 3x8x8\n  output y = image\n}", "ARCH104", "[3, 8, 8]"),
    ("space S {\n  input image: [3, 8, 8]\n  output image\n}", "ARCH100", "output NAME = image"),
    ("space S {\n  input image: [3, 8, 8]\n  k = one of {3, 5}\n  output y = image -> conv(k = k)\n}\n"
     "network N from S {\n  k = 3,\n}", "ARCH100", "comma"),
    ("search Q over S {\n  minimize cross_entropy\n}", "ARCH100", "search NAME for SPACE"),
]  # fmt: skip

IN_SEARCH = [
    ("minimize cross_entropy + lambda * log(macs)", "ARCH601", "search NAME(; weight = 0.01)"),
    ("minimize loss", "ARCH601", "cross_entropy"),
    ("minimize cross_entropy + 0.1 * macs.log()", "ARCH604", "log(macs)"),
    ("minimize cross_entropy + 0.1 * FLOPs", "ARCH601", "write flops"),
    ("maximize mIoU", "ARCH601", "write miou"),
    ("maximize acc", "ARCH601", "write accuracy"),
    ("minimize = cross_entropy", "ARCH100", "minimize cross_entropy"),
    ("objective = cross_entropy", "ARCH605", "minimize"),
    ("lr = 1e-3", "ARCH605", "optimizer = sgd(lr = 0.05)"),
    ("strategy = darts", "ARCH601", "differentiable"),
    ("strategy = differentiable(tau = 3.0)", "ARCH204", "sampler = gumbel(tau = 3.0"),
    ("strategy = differentiable(sampler = gumbel_softmax)", "ARCH601", "gumbel(tau"),
    ("parameters { optimizer = sgd(learning_rate = 0.1) }", "ARCH204", "write lr"),
    ("parameters { optimizer = sgd(lr = 0.1, weight_decay = 0.1) }", "ARCH204", "write decay"),
    ("data = synthetic(batch_size = 4)", "ARCH204", "write batch"),
    ('data = imagefolder(path = "x")', "ARCH601", "folder(path"),
]  # fmt: skip


def first_error(text: str):
    try:
        found = archdsl.load("habits.arch", text=text).check().diagnostics
    except SpecError as error:
        found = error.diagnostics
    return next(d for d in found if d.severity == "error")


def demand(text: str, code: str, help_line: str) -> None:
    found = first_error(text)
    assert found.code == code, found
    assert help_line in (found.help or ""), found
    assert found.primary is not None
    assert found.primary.location.source.name == "habits.arch"  # not in the library


@pytest.mark.parametrize(("text", "code", "help_line"), IN_SPACE)
def test_a_habit_in_a_statement_is_answered_by_the_form_that_is_written_here(text, code, help_line):
    demand(HEAD + text + TAIL, code, help_line)


@pytest.mark.parametrize(("text", "code", "help_line"), WHOLE)
def test_a_habit_in_a_declaration_is_answered_by_the_form_that_is_written_here(text, code, help_line):
    demand(f"arch 1\n{text}\n", code, help_line)


@pytest.mark.parametrize(("text", "code", "help_line"), IN_SEARCH)
def test_a_habit_in_a_search_is_answered_by_the_form_that_is_written_here(text, code, help_line):
    space = "space S {\n  input image: [3, 8, 8]\n  k = one of {3, 5}\n  output y = image -> conv(k = k)\n}\n"
    demand(f"arch 1\n{space}search Q for S {{\n  {text}\n}}\n", code, help_line)


def test_words_of_other_notations_stay_names_of_the_author():
    text = (
        "arch 1\nop linear(x; c = 8) = x -> conv(c = c, k = 1)\nspace S {\n  input picture: [3, 8, 8]\n"
        "  let = picture -> linear\n  model = let -> relu\n  range = one of {1, 2}\n"
        "  output y = model -> conv(d = range)\n}\n"
    )
    assert [
        d for d in archdsl.load("habits.arch", text=text).check().diagnostics if d.severity == "error"
    ] == []
