"""What is wrong in a search is found by the check, at its place, and advice is of what runs."""

from __future__ import annotations

import re

import pytest

import archdsl
from archdsl.configs.words import GROUPS, KINDS, WORDS
from archdsl.data.dataset_settings import read_settings
from archdsl.diagnostics import Diagnostic, SpecError

SPACE = """arch 1

space Tiny(; classes = 11) {
  input image: [3, 32, 64]
  width = one of {4, 8}
  x = image -> conv(c = width, s = 2) -> bn -> relu
  output logits = x -> conv(c = classes, k = 1) -> upsample(like = image)
}
"""


def found(clauses: str) -> list[Diagnostic]:
    goal = "" if "imize" in clauses else "minimize cross_entropy\n"
    text = f"{SPACE}search Q for Tiny {{\n{clauses}\n{goal}}}\n"
    return list(archdsl.load("tiny.arch", text=text).check().diagnostics)


def place(one: Diagnostic) -> str:
    assert one.primary is not None
    at = one.primary.location
    return at.source.text[at.start : at.end]


@pytest.mark.parametrize(
    ("clauses", "code", "where"),
    [
        ("strategy = differentiable(epochs = 3)\nepochs = 4", "ARCH603", "epochs"),
        ("strategy = differentiable(sampler = hard)\nsampler = hard", "ARCH603", "sampler"),
        ("batch = 2\ndata = synthetic(batch = 4)", "ARCH603", "batch"),
        ("parameters { optimizer = sgd(lr = 1, schedule = poly(lr = 2, end = 0)) }", "ARCH603", "lr"),
        ("minimize log(macs)\nminimize params\nminimize log(macs)", "ARCH603", "log(macs)"),
        ("maximize 2 * params\nminimize 2 * params", "ARCH603", "2 * params"),
        ("sampler = gumbel(tau = 2, end = 1, schedule = poly(end = 1))", "ARCH603", "end"),
        ("sampler = gumbel(tau = 1, tau = 2)", "ARCH204", "tau"),
        ("sampler = gumbel(3.0)", "ARCH604", "gumbel(3.0)"),
        ('minimize cross_entropy + latency("board")', "ARCH604", 'latency("board")'),
        ("minimize cross_entropy + log", "ARCH604", "log"),
        ("minimize cross_entropy + log(macs, params)", "ARCH604", "log(macs, params)"),
        ("minimize cross_entropy + true", "ARCH604", "cross_entropy + true"),
        ('minimize "macs"', "ARCH604", '"macs"'),
        ("minimize 3", "ARCH604", "3"),
        ("maximize log(2 + 3)", "ARCH604", "log(2 + 3)"),
        ("minimize 3 ms", "ARCH604", "3 ms"),
        ("minimize 0 * macs", "ARCH604", "0 * macs"),
        ("minimize cross_entropy + 2\nminimize log(macs / macs)", "ARCH604", "log(macs / macs)"),
        ("require 3 <= 4", "ARCH604", "3 <= 4"),
        ("require params <= params", "ARCH604", "params <= params"),
        ("minimize cross_entropy + adam", "ARCH607", "adam"),
        ("require uniform < 3", "ARCH607", "uniform"),
        ("require macs", "ARCH604", "macs"),
        ("parameters { optimizer = sgd(schedule = cosine) }", "ARCH607", "cosine"),
        ("sampler = gumbel(schedule = cosine)", "ARCH607", "cosine"),
        ("strategy = differentiable(sampler = softmax(schedule = poly))", "ARCH607", "poly"),
        ("parameters { optimizer = sgd(end = 0, schedule = exponential) }", "ARCH208", "exponential"),
        ("strategy = differentiable(epochs = macs + 1)", "ARCH607", "macs + 1"),
        ("sampler = gumbel(tau = macs)", "ARCH607", "macs"),
        ("budget = 0 h", "ARCH607", "0 h"),
        ("strategy = lstm", "ARCH607", "lstm"),
        ("strategy = ppo(controller = evolution)", "ARCH607", "evolution"),
        ("strategy = differentiable(warmup = 5)", "ARCH204", "warmup"),
        ("optimizer = adam", "ARCH605", "optimizer"),
        ("sampler = adm(lr = 1)", "ARCH601", "adm"),
    ],
)
def test_a_mistake_is_found_at_its_place(clauses: str, code: str, where: str) -> None:
    (error,) = found(clauses)
    assert (error.code, error.severity, place(error)) == (code, "error", where)
    assert error.help or code == "ARCH204"


def test_an_unknown_word_is_guessed_among_those_of_its_place() -> None:
    (error,) = found("sampler = hrad")
    assert (error.headline, error.help) == ("unknown sampler `hrad` in a search", "did you mean `hard`?")
    (error,) = found("sampler = adm")
    assert "did you mean" not in str(error.help)


def test_the_last_rate_of_a_schedule_may_be_zero() -> None:
    from archdsl.search.reading import read_config

    text = f"{SPACE}search Q for Tiny {{\n  minimize cross_entropy\n"
    text += "  parameters { optimizer = sgd(lr = 0.1, schedule = poly(end = 0)) }\n}\n"
    program = archdsl.load("tiny.arch", text=text)
    assert read_config(program.search()).parameters.end == 0


NO_DECISION = ["width.c = softmax", "image = softmax"]


@pytest.mark.parametrize("line", NO_DECISION)
def test_a_sampler_of_no_decision_is_refused_at_its_line(line: str) -> None:
    from archdsl.search.differentiable.samplers import own_samplers
    from archdsl.search.reading import read_config

    text = f"{SPACE}search Q for Tiny {{\n  architecture {{\n    {line}\n  }}\n  minimize cross_entropy\n}}\n"
    program = archdsl.load("tiny.arch", text=text)
    with pytest.raises(SpecError) as caught:
        own_samplers(read_config(program.search()).samplers, program.space().decisions)
    (error,) = caught.value.diagnostics
    assert (error.code, place(error)) == ("ARCH606", line.partition(" ")[0])


# ------------------------------------------------------------ advice

IDLE = sorted(name for name, word in WORDS.items() if not word.run)
WRITTEN = {
    "strategies": "strategy = {}", "controllers": "strategy = ppo(controller = {})",
    "optuna_samplers": "strategy = optuna(sampler = {})",
    "samplers": "sampler = {}",
    "schedules": "sampler = gumbel(end = 0.1, schedule = {})",
    "optimizers": "parameters {{ optimizer = {} }}",
    "sharing": "evaluate = weights(train = {})",
    "stages": "evaluate = two_stage(first = {})",
    "early_stops": "evaluate = two_stage(early_stop = {})",
    "datasets": "data = {}", "communication": "communicate cells by {}", "evaluators": "evaluate = {}",
    "decoders": "decode = {}", "expectations": "minimize cross_entropy + 0.1 * latency(mode = {})",
    "scopes": "communicate {} by gcn", "objectives": "minimize cross_entropy + {}",
}  # fmt: skip


def advises_what_does_not_run(help: str | None) -> bool:
    words = set(re.findall(r"\w+", help or ""))
    return bool(words & set(IDLE)) and "not run yet" not in (help or "")


def test_every_group_of_words_has_its_place_here() -> None:
    assert set(WRITTEN) == set(GROUPS) == set(KINDS)


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("name", [*WORDS, *(f"{name}x" for name in WORDS), *(name[:-1] for name in IDLE)])
def test_help_never_advises_what_does_not_run(group: str, name: str) -> None:
    errors = [one for one in found(WRITTEN[group].format(name)) if one.severity == "error"]
    assert name in GROUPS[group] or errors
    assert not [one for one in errors if advises_what_does_not_run(one.help)]


# ------------------------------------------------------------ data

VALUES: dict[str, tuple[str, object]] = {
    "true": ("true", True), "a text": ('"val"', "val"), "a path": ('"../x"', "../x"), "three": ("3", 3),
    "half": ("0.5", 0.5), "two": ("2.0", 2.0), "a pair": ("[64, 96]", (64, 96)),
    "rising": ("[0.5, 2]", (0.5, 2)),
    "one of": ("[3]", (3,)), "nested": ("[[1, 2], 3]", ((1, 2), 3)), "too high": ("[300, 300]", (300, 300)),
    "colours": ('["#804080"]', ("#804080",)), "no colours": ('["red"]', ("red",)),
    "zero": ("[0, 64]", (0, 64)),
}  # fmt: skip
"""Values as a spec writes them, and as those who open data have them."""

SETTINGS = [
    (kind, key, value)
    for kind, word in GROUPS["datasets"].items()
    for key, one in word.settings.items()
    for value in VALUES
    if one.kind == "data"
]


@pytest.mark.parametrize(("kind", "key", "value"), SETTINGS)
def test_the_check_accepts_what_data_is_opened_with(kind: str, key: str, value: str) -> None:
    written, plain = VALUES[value]
    refused = [one.code for one in found(f"data = {kind}({key} = {written})") if one.severity == "error"]
    try:
        read_settings(kind, {key: plain})
    except SpecError:
        assert refused == ["ARCH607"]
    else:
        assert refused == []


@pytest.mark.parametrize(
    ("goal", "where"),
    [
        ("minimize 0 * cross_entropy + macs", "0 * cross_entropy"),
        ("minimize cross_entropy + 0.0 * log(macs)", "0.0 * log(macs)"),
        ("minimize macs + 0 / params", "0 / params"),
        ("minimize cross_entropy * macs ** 0", "macs ** 0"),
        ("minimize cross_entropy\nrequire macs + (params - params) <= 3M", "(params - params)"),
        ("minimize cross_entropy + 1e-9 * macs", None),
        ("minimize macs - params", None),
    ],
)
def test_a_part_of_an_objective_without_effect_is_warned_of(goal: str, where: str | None) -> None:
    assert [place(one) for one in found(goal) if one.code == "ARCH610"] == ([where] if where else [])
