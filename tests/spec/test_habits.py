"""Habits from other notations: the finding says what is written here instead."""

from __future__ import annotations

import pytest

import archdsl
from archdsl.diagnostics import SpecError
from archdsl.spec.evaluate import frame

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
    ("z = width ? x : x", "ARCH100", "a if condition else b"),
    ("z = x @ x", "ARCH101", "dot_attention"),
    ("z = optional conv(x)", "ARCH100", "one of {skip, f}"),
    ("z = x -> mish", "ARCH201", "x * (x -> softplus -> tanh)"),
    ("z = x -> conv -> act", "ARCH201", "write relu"),
    ("z = x -> sepconv(k = 5)", "ARCH201", "write sep_conv"),
    ("z = x -> MBInvertedConv(8)", "ARCH201", "inverted_residual"),
    ("z = nni.mutable(3, 5)", "ARCH201", "one of {a, b}"),
    ("z = elastic(3, 5, 7)", "ARCH201", "one of {a, b}"),
    ('z = timm.create_model("resnet18")', "ARCH201", "archdsl lift"),
    ("z = np.zeros(3)", "ARCH201", "x -> zero"),
    ("z = x -> conv(c = len(x))", "ARCH207", "x.c"),
    ("z = drop_path(x, drop_prob = 0.1)", "ARCH204", "write p"),
    ('require latency < 5ms on "cpu"', "ARCH100", 'latency(device = "NAME")'),
    ("require FLOPs <= 1G", "ARCH201", "write flops"),
    ("require mIoU > 0.7", "ARCH201", "maximize miou"),
    ("end", "ARCH100", "ends with `}`"),
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
    # prefixes and methods
    ("z = nn.Conv2d(3, 32, 3)(x)", "ARCH201", "write conv("),
    ("z = torch.cat([x, x], dim=1)", "ARCH201", "concat(a, b)"),
    ("z = F.interpolate(x, scale_factor=2)", "ARCH201", "resize(scale = 2)"),
    ("z = keras.layers.Dense(10)(x)", "ARCH201", "linear(c"),
    ("z = F.relu(x)", "ARCH201", "names have no prefix: write relu"),
    ("z = x -> conv(c = self.width)", "ARCH201", "write width"),
    ("k = trial.suggest_int(1, 3)", "ARCH201", "one of {low..high}"),
    ("k = nni.choice([3, 5])", "ARCH201", "one of {a, b}"),
    ("z = x.view(0)", "ARCH221", "channels, height and width only"),
    ("z = x.flatten()", "ARCH221", "global_pool -> linear"),
    ("z = x.mean()", "ARCH221", "channel_mean"),
    ("k = {3, 5}.choose", "ARCH221", "one of SET"),
    ("k = [3, 5].append(7)", "ARCH221", "LIST[1]"),
    # names of ops
    ("z = x -> max_pool_3x3", "ARCH201", "max_pool(k = 3)"),
    ("z = x -> dil_conv_5x5", "ARCH201", "k = 5"),
    ("z = x -> MBConv", "ARCH201", "inverted_residual"),
    ("z = x -> deconv", "ARCH201", "conv_transpose"),
    ("z = x -> downsample", "ARCH201", "max_pool(s = 2)"),
    ("z = x -> reshape", "ARCH201", "channels, height and width only"),
    ("k = Categorical([3, 5])", "ARCH201", "one of {a, b}"),
    ("k = loguniform(1e-3, 1)", "ARCH201", "list the outcomes"),
    ("z = Repeat(conv, 3)", "ARCH201", "stage NAME repeat 3"),
    # settings
    ("z = x -> conv(activation = relu)", "ARCH204", "x -> conv -> bn -> relu"),
    ("z = x -> conv(name = 3)", "ARCH204", "named by their assignment"),
    ('z = x -> conv(c = "8")', "ARCH208", "write 8 without quotes"),
    ('z = x -> conv(k = "3x3")', "ARCH208", "write [3, 3]"),
    ('z = x -> conv(bias = "true")', "ARCH208", "true without quotes"),
    ("z = x -> conv(bias = 1)", "ARCH208", "write true"),
    ("z = x -> conv(c = {8, 16})", "ARCH208", "c = one of"),
    # operators and marks
    ("x //= 2", "ARCH100", "x = x // y"),
    ("x **= 2", "ARCH100", "x = x ** 2"),
    ("z = x -> conv(c = 8 if width === 8 else 4)", "ARCH100", "`==`"),
    ("z = x -> conv(c = 8 if width =< 8 else 4)", "ARCH100", "`<=`"),
    ("z = x -> conv(c = 8 if width is 8 else 4)", "ARCH100", "a == b"),
    ("z = x --> conv", "ARCH100", "`->`"),
    ("z = x %>% conv", "ARCH100", "`->`"),
    ("z = x << conv", "ARCH100", "`->`"),
    ("k = 3 -- a comment", "ARCH100", "#"),
    ("k = 3 <!-- a comment -->", "ARCH100", "#"),
    ('""" a comment """', "ARCH100", "#"),
    ("/// a comment", "ARCH100", "#"),
    ("k = 1_000", "ARCH104", "1000"),
    ("k = 0x10", "ARCH104", "16"),
    ("k = 8f", "ARCH104", "no suffix"),
    ("k = any {3, 5}", "ARCH100", "any 2 of"),
    ("k = some {3, 5}", "ARCH100", "one of {a, b}"),
    ("k in {3, 5}", "ARCH100", "k = one of"),
    ("k = 3, 5", "ARCH100", "[a, b]"),
    ("k = +8", "ARCH100", "write a value"),
    # statements
    ("pass", "ARCH100", "remove this line"),
    ("print(x)", "ARCH100", "explain FILE"),
    ("del x", "ARCH100", "cannot be deleted"),
    ("x -> conv", "ARCH100", "assigns its value to a name"),
    ("conv(x)", "ARCH100", "assigns its value to a name"),
    ("int k = 3", "ARCH100", "without a word before"),
    ("outputs z = x", "ARCH100", "output NAME = …"),
    ("z = input([3, 8, 8])", "ARCH107", "input NAME: ["),
    ("output(x)", "ARCH107", "output NAME = …"),
    ("z = x -> conv 8", "ARCH100", "in parentheses"),
    ("z = x -> conv(c=8 k=3)", "ARCH100", "commas"),
    ("z = x -> conv(c=8; k=3)", "ARCH100", "commas"),
    ("a = b = x", "ARCH109", "then b = a"),
    ("(a, b) = split(x)", "ARCH109", "without brackets"),
    ("x.c = 8", "ARCH216", "NAME = …"),
    ("z = x +", "ARCH100", "write a value"),
    # stages
    ("stage s for i in 1:3 {\n x = x -> conv\n }", "ARCH100", "low..high"),
    ("stage s for i in 1 to 3 {\n x = x -> conv\n }", "ARCH104", "low..high"),
    ("stage s for i in 1..<3 {\n x = x -> conv\n }", "ARCH100", "both ends"),
    ("stage s for i, c in [8, 16] {\n x = x -> conv\n }", "ARCH100", "for r in [("),
    ("stage s for i in 3 {\n x = x -> conv\n }", "ARCH207", "1..3"),
    ("stage s repeat -1 {\n x = x -> conv\n }", "ARCH207", "0 or more"),
    ("stage s * 3 {\n x = x -> conv\n }", "ARCH100", "repeat 3"),
    ("stage s repeat 3 {\n x -> conv\n }", "ARCH100", "assigns its value to a name"),
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
    ("search Q(S) {\n  minimize cross_entropy\n}", "ARCH100", "search NAME for SPACE"),
    ("search Q {\n  minimize cross_entropy\n}", "ARCH100", "search NAME for SPACE"),
    ("digraph G { a -> b }", "ARCH100", "network NAME"),
    ("Network N { }", "ARCH100", "network NAME"),
    ("network N = conv", "ARCH100", "network NAME {"),
    ("network N:\n  input image: [3, 8, 8]\n", "ARCH100", "network NAME {"),
    ("layer { name = 3 }", "ARCH100", "chains"),
    ("op f = conv -> bn", "ARCH100", "op NAME(x"),
    ("op f(x: Tensor) = x", "ARCH100", "only settings have types"),
    ("op f(x; c: integer) = x", "ARCH114", "int, float"),
    ("op f(x; **kwargs) = x", "ARCH100", "listed one by one"),
    ("op f(x) = x -> one of {conv, relu}", "ARCH215", "cell"),
    ("cell f(x) { y = x -> conv }", "ARCH218", "return"),
    ("cell f(x) = x -> conv", "ARCH100", "cell NAME(x) {"),
    ("network N { input image: [1, 3, 8, 8]\n output y = image }", "ARCH207", "without the batch"),
    ("network N { input image: [3, None, None]\n output y = image }", "ARCH207", "accept other sizes"),
    ("import std.ops", "ARCH100", "import NAME, OTHER from"),
    ("import torch", "ARCH100", "import NAME, OTHER from"),
    ('import nothing from "std/ops.arch"', "ARCH013", "declared there: "),
    ("- conv", "ARCH100", "a file contains"),
    ('{"layers": [1]}', "ARCH100", "a file contains"),
    ("export WIDTH = 8", "ARCH100", "remove this word"),
    ("space S {\n  minimize params\n}", "ARCH100", "clauses of a search"),
]  # fmt: skip

IN_SEARCH = [
    ("minimize cross_entropy + lambda * log(macs)", "ARCH601", "search NAME(; weight = 0.01)"),
    ("minimize loss", "ARCH601", "cross_entropy"),
    ("minimize cross_entropy + 0.1 * macs.log()", "ARCH604", "log(macs)"),
    ("minimize cross_entropy + 0.1 * FLOPs", "ARCH601", "write flops"),
    ("strategy = random(trials = 10)\n maximize miou", "ARCH204", "trials = 200"),
    ("strategy = random(n = 10)\n maximize miou", "ARCH204", "trials = 200"),
    ("strategy = differentiable(optimizer = adam(lr = 0.1))", "ARCH204", "parameters { optimizer"),
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
    ('strategy = "random"', "ARCH607", "no quotes: write random"),
    ("strategy = nni.RegularizedEvolution", "ARCH604", "evolution"),
    ("strategy = grid_search", "ARCH601", "write random"),
    ("strategy = differentiable(sampler = gumbel(tau = 3.0 -> 0.1))", "ARCH604", "end = 0.1"),
    ("parameters { optimizer = torch.optim.Adam(lr = 1e-3) }", "ARCH604", "write adam"),
    ("parameters = { optimizer = sgd }", "ARCH109", "parameters {"),
    ("minimise params", "ARCH100", "minimize VALUE"),
    ("subject to params <= 2M", "ARCH100", "require"),
    ("minimize params and macs", "ARCH604", "one objective per line"),
    ("minimize params, macs", "ARCH100", "one objective per line"),
    ("minimize 3", "ARCH604", "cross_entropy"),
    ("minimize latency.titan_xp", "ARCH604", "device ="),
    ("minimize exp(macs)", "ARCH601", "available"),
    ("minimize psnr", "ARCH601", "miou"),
    ("require latency < 9", "ARCH212", "9 ms"),
    ("require params < 2MB", "ARCH212", "2M"),
    ("require params < 2,000,000", "ARCH100", "2000000"),
    ("budget = 100 trials", "ARCH104", "trials = 100"),
    ("budget = 10", "ARCH212", "budget = 2 h"),
    ('device = "cuda"', "ARCH605", "--device cuda"),
    ("workers = 4", "ARCH605", "--workers"),
    ("return 3", "ARCH100", "are part of"),
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


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("z = x -> conv c = 8", "ARCH119"),
        ("z = x -> conv k = 3", "ARCH119"),
    ],
)
def test_a_setting_without_parentheses_is_a_statement_of_its_own_and_warned_of(text, code):
    found = archdsl.load("habits.arch", text=HEAD + text + TAIL).check().diagnostics
    assert code in [d.code for d in found if d.severity == "warning"]
    apart = HEAD + text.replace(" c =", "\n c =").replace(" k =", "\n k =") + TAIL
    assert code not in [d.code for d in archdsl.load("habits.arch", text=apart).check().diagnostics]


@pytest.mark.parametrize(
    ("goal", "better"),
    [
        ("minimize miou", "maximize miou"),
        ("maximize ohem", "minimize ohem"),
        ("minimize -1 * ohem + macs", "minimize ohem"),
        ("minimize log(macs) - ohem", "minimize ohem"),
        ("maximize 2 * (macs - miou) / params", "maximize miou"),
    ],
)
def test_an_objective_in_the_wrong_direction_is_warned_of(goal, better):
    space = "space S {\n  input image: [3, 8, 8]\n  k = one of {3, 5}\n  output y = image -> conv(k = k)\n}\n"
    for text, expected in ((goal, True), (better, False)):
        loaded = archdsl.load("habits.arch", text=f"arch 1\n{space}search Q for S {{\n  {text}\n}}\n")
        found = [d for d in loaded.check().diagnostics if d.code == "ARCH609"]
        assert bool(found) == expected
        assert all(f"write {better}" == d.help for d in found)


@pytest.mark.parametrize(
    "word", ["tune", "reduced", "unrelated", "stacks", "triads", "logits", "depthh", "layering"]
)
def test_words_that_only_share_letters_are_not_suggested(word):
    found = first_error(HEAD + f"z = x -> {word}" + TAIL)
    assert "did you mean" not in (found.help or "")


def test_words_of_other_notations_stay_names_of_the_author():
    text = (
        "arch 1\nop linear(x; c = 8) = x -> conv(c = c, k = 1)\nspace S {\n  input picture: [3, 8, 8]\n"
        "  let = picture -> linear\n  model = let -> relu\n  range = one of {1, 2}\n"
        "  output y = model -> conv(d = range)\n}\n"
    )
    assert [
        d for d in archdsl.load("habits.arch", text=text).check().diagnostics if d.severity == "error"
    ] == []


def test_names_like_an_undefined_one_are_searched_for_as_many_as_are_reported(
    monkeypatch: pytest.MonkeyPatch,
):
    asked: list[str] = []

    def counted(word: str, known: list[str]) -> None:
        asked.append(word)

    monkeypatch.setattr(frame, "closest", counted)
    lines = "\n  ".join(f"z{n} = missing{n} -> relu" for n in range(400))
    report = archdsl.load("habits.arch", text=HEAD + lines + TAIL).check()
    undefined = [d.headline for d in report.diagnostics if d.code == "ARCH201"]
    assert undefined == [f"`missing{n}` is not defined" for n in range(50)]
    assert len(asked) <= 100
