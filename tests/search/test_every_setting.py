"""Every setting that a search accepts reaches the run, and what does not run is named and refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

import archdsl
from archdsl.configs.clauses import ArchitectureGroup, Group, Search
from archdsl.configs.datasets import Batched
from archdsl.configs.objectives import OfClasses
from archdsl.configs.setting import Setting, settings_of
from archdsl.configs.strategies import StrategyKind
from archdsl.configs.word import Word
from archdsl.configs.words import GROUPS, WORDS
from archdsl.data.dataset_settings import read_settings
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.search.differentiable.optimisers import optimiser, rate
from archdsl.search.reading import read_config
from archdsl.search.scores import UNITS, class_weights_rule, devices_named, tables_named, terms_of
from archdsl.search.terms import configured
from archdsl.spec.losses import loss_kinds

SPACE = """arch 1

space Tiny(; classes = 11) {
  input image: [3, 32, 64]
  width = one of {4, 8}
  x = image -> conv(c = width, s = 2) -> bn -> relu
  output logits = x -> conv(c = classes, k = 1) -> upsample(like = image)
}
"""
GOAL = "  minimize cross_entropy\n"

VALUES: dict[str, str] = {
    "crop": "[16, 32]", "scale": "[0.9, 1.1]", "size": "[64, 64]", "split": "0.4", "resize": "48",
    "ignore": "7", "classes": '["a", "b"]', "labels": "[1, 2]", "colours": '["#000000", "#ffffff"]',
    "path": '"elsewhere"',
    "train": '"train+val"', "class_weights": '"median"', "device": '"board"',
    "table": '"t.json"', "budget": "7 min", "betas": "[0.8, 0.9]", "outputs": '["logits"]', "target": "depth",
    "maps": '["depth"]', "stack": '["depth"]', "map_scale": "0.5", "map_unknown": '"none"',
    "map_channels": "3", "map_mean": "[0.5, 0.4, 0.4]", "map_std": "[[0.5, 0.4, 0.4], [2]]",
    "uniform": "[width]", "largest": "[width]", "sampled": "[width]",
    "kinds": "width", "reads": "width", "widths": "width", "select": "width", "into": "Tiny",
    "stages": '["a", "b"]', "ends": "[[8], [16]]", "skip": '"none"', "shortest": "[1, 2]",
    "private": "[x]", "blend_outputs": "[width]", "passes": "[largest, random]",
    "pretrain_passes": "[smallest]",
}  # fmt: skip
"""Values of settings whose type does not say enough."""


def another(name: str, one: Setting) -> str:
    """A value that is not the default."""
    if name in VALUES:
        return VALUES[name]
    if one.kind == "word":
        return {
            "samplers": "one_path", "schedules": "poly", "optimizers": "adam(lr = 0.5)",
            "datasets": "synthetic(batch = 3)", "strategies": "differentiable(epochs = 3)",
            "decoders": "branches(into = Tiny)", "expectations": "released",
        }[one.group]  # fmt: skip
    if one.choices:
        return next(
            (str(c) if not isinstance(c, str) else f'"{c}"' for c in one.choices if c != one.default), ""
        )
    return {"whole": "3", "number": "0.37", "flag": "false" if one.default is not False else "true"}[one.kind]


def program(search: str) -> archdsl.Program:
    return archdsl.load(
        "tiny.arch",
        text=f"{SPACE}search Q for Tiny {{\n{search}{GOAL if 'minimize' not in search else ''}}}\n",
    )


def effect(search: str) -> Any:
    """What a run is configured by: all but the text of the search itself."""
    config = read_config(program(search).search())
    graph = program("").space().graph
    progress = [0.0, 0.3, 1.0]
    groups = []
    for group in (config.architecture, config.parameters):
        parameters = [torch.nn.Parameter(torch.zeros(1))]
        made = optimiser(group, parameters).param_groups[0]
        groups.append(({k: v for k, v in made.items() if k != "params"}, [rate(group, p) for p in progress]))
    samplers = [s.at(epoch, 9) for s in (config.sampler, *config.samplers.values()) for epoch in range(9)]
    data = {k: v for k, v in config.data_settings.items() if k not in settings_of(Batched)}
    return (
        config.epochs, config.batch, config.seed, config.init, config.budget_s, config.gates_from,
        config.order, config.clip, config.share, config.bn, config.kernels, config.refine,
        config.refine_epochs, config.pretrain, config.private, config.blend_outputs,
        config.communication, config.members,
        groups, samplers, config.data,
        replace(config.batched, batch=None), read_settings(config.data, data), class_weights_rule(config),
        tables_named(config),
        devices_named(config, graph), _configured_terms(config),
        config.decode and configured(config.decode),
    )  # fmt: skip


def _configured_terms(config: Any) -> list[Any]:
    """Losses, whose settings are handed on as keyword arguments, and latencies."""
    found = [configured(term) for term in terms_of(config) if term.name in (*loss_kinds(), *UNITS)]
    modes = [configured(mode) for term in found if (mode := getattr(term, "mode", None)) is not None]
    return [*found, *modes]


ENDS = {"lr": "0.9", "end": "0.1"}
"""Of an optimizer, beside a schedule that does not set them itself."""


def written(group: str, name: str, inner: str) -> str:
    """A search in which a word with settings stands in its place."""
    term = f"{name}({inner})" if inner else name
    ends = "".join(f"{key} = {value}, " for key, value in ENDS.items() if f"{key} = " not in inner)
    return {
        "strategies": f"  strategy = {term}\n",
        "samplers": f"  sampler = {term}\n",
        "schedules": f"  parameters {{ optimizer = sgd({ends}schedule = {term}) }}\n",
        "optimizers": f"  parameters {{ optimizer = {term} }}\n",
        "datasets": f"  data = {term}\n",
        "communication": f"  communicate cells by {term}\n",
        "decoders": f"  decode = {term}\n",
        "expectations": f"  minimize cross_entropy + log(latency(mode = {term}))\n",
        "evaluators": f"  evaluate = {term}\n",
        "sharing": f"  evaluate = weights(train = {term})\n",
        "stages": f"  evaluate = two_stage({'first' if name == 'decoder_only' else 'second'} = {term})\n",
        "early_stops": f"  evaluate = two_stage(early_stop = {term})\n",
        "optuna_samplers": f"  strategy = optuna(sampler = {term})\n",
        "objectives": f"  minimize {term}\n"
        if name in loss_kinds()
        else f"  minimize cross_entropy + log({term})\n",
    }[group]


NEEDS = {
    ("optimizers", "end"): "lr = 0.9", ("optimizers", "schedule"): "lr = 0.9, end = 0.1",
    ("samplers", "schedule"): "tau = 3.0, end = 0.5", ("schedules", "end"): "", ("schedules", "lr"): "",
}  # fmt: skip
"""Settings that other settings have no effect without."""

OF_TRIALS_ALONE = ("evaluators", "controllers", "optuna_samplers", "stages", "early_stops", "sharing")
"""Kinds of words that differentiable searches have no place for."""


def is_differentiable(group: str, word: Word) -> bool:
    """Whether a differentiable search reads a word; for others see test_every_setting_of_strategies.py."""
    score = issubclass(word.config, OfClasses)
    return group not in OF_TRIALS_ALONE and not isinstance(word, StrategyKind) and not score


CASES = [
    (group, name, key)
    for group, words in GROUPS.items()
    for name, word in words.items()
    if is_differentiable(group, word)
    for key, one in word.settings.items()
    if word.run and one.run and another(key, one)
]


@pytest.mark.parametrize(("group", "name", "key"), CASES, ids=lambda part: str(part))
def test_a_setting_reaches_the_run(group: str, name: str, key: str):
    value = another(key, GROUPS[group][name].settings[key])
    needs = NEEDS.get((group, key), "")
    with_it = effect(written(group, name, ", ".join(filter(None, [needs, f"{key} = {value}"]))))
    assert with_it != effect(written(group, name, needs))


def as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(as_text, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


DEFAULTS = [
    (group, name, key)
    for group, words in GROUPS.items()
    for name, word in words.items()
    if is_differentiable(group, word)
    for key, one in word.settings.items()
    if word.run and one.run and one.default is not None and one.kind != "part"
]


@pytest.mark.parametrize(("group", "name", "key"), DEFAULTS, ids=lambda part: str(part))
def test_the_default_that_is_listed_is_the_one_of_the_run(group: str, name: str, key: str):
    default = as_text(GROUPS[group][name].settings[key].default)
    needs = NEEDS.get((group, key), "")
    with_it = written(group, name, ", ".join(filter(None, [needs, f"{key} = {default}"])))
    assert effect(with_it) == effect(written(group, name, needs))


OF_TRIALS = ("evaluate", "trials", "parallel")
"""Clauses of searches by trials (`tests/search/test_trials.py`)."""
OF_DIFFERENTIABLE = [key for key, one in settings_of(Search).items() if one.run and key not in OF_TRIALS]


@pytest.mark.parametrize("key", OF_TRIALS)
def test_clauses_of_searches_by_trials_are_refused_by_a_differentiable_one(key: str):
    with pytest.raises(SpecError) as caught:
        effect(f"  {key} = {'costs' if key == 'evaluate' else 3}\n")
    (error,) = caught.value.diagnostics
    assert (error.code, at(error)) == ("ARCH606", key)


@pytest.mark.parametrize("key", OF_DIFFERENTIABLE)
def test_a_clause_reaches_the_run(key: str):
    rest = MEMBER.format("") if key == "private" else ""  # which several architectures have
    assert effect(f"  {key} = {another(key, settings_of(Search)[key])}\n{rest}") != effect(rest)


@pytest.mark.parametrize("group", ["architecture", "parameters"])
def test_a_clause_of_a_group_reaches_the_run(group: str):
    for key, one in settings_of(Group).items():
        assert effect(f"  {group} {{ {key} = {another(key, one)} }}\n") != effect("")


def at(found: Diagnostic) -> str:
    assert found.primary is not None
    place = found.primary.location
    return place.source.text[place.start : place.end]


@pytest.mark.parametrize(
    ("search", "place"),
    [
        ("  minimize cross_entropy - distillation\n", "distillation"),
        ("  communicate decisions by dense\n", "decisions"),
        ("  width = 4\n", "width"),
    ],
)
def test_what_does_not_run_is_a_note_of_check_and_an_error_of_search_at_one_place(search: str, place: str):
    found = program(search)
    report = found.check()
    (note,) = [d for d in report.diagnostics if d.code == "ARCH608"]
    assert (report.ok, note.severity, at(note)) == (True, "note", place)
    with pytest.raises(SpecError) as caught:
        read_config(found.search())
    (error,) = caught.value.diagnostics
    assert (error.code, error.severity, at(error)) == ("ARCH606", "error", place)


MEMBER = "  student {{\n    minimize cross_entropy\n    {}\n  }}\n"


def test_a_clause_of_an_architecture_reaches_the_run():
    for key, one in settings_of(ArchitectureGroup).items():
        assert effect(MEMBER.format(f"{key} = {another(key, one)}")) != effect(MEMBER.format(""))


@pytest.mark.parametrize(
    "clause", ["width = 4", "width = hard(tau = 2.0)", "classes = 5", "require macs < 1M"]
)
def test_an_architecture_fixes_and_samples_decisions_and_sets_the_space(clause: str):
    assert effect(MEMBER.format(clause)) != effect(MEMBER.format(""))


@pytest.mark.parametrize(
    ("search", "code", "headline"),
    [
        ("  student {\n    width = 4\n  }\n", "ARCH605", "the architecture `student` has no objective"),
        (
            "  architectur { optimizer = adam }\n",
            "ARCH605",
            "the architecture `architectur` has no objective",
        ),
        (MEMBER.format("depth = 4"), "ARCH605", "`student` has no clause `depth`"),
        (MEMBER.format("epochs = 4"), "ARCH605", "`student` has no clause `epochs`"),
        (MEMBER.format("communicate cells by gcn"), "ARCH605", "this clause is not allowed in `student`"),
        (MEMBER.format("passes = [most]"), "ARCH601", "unknown word `most`"),
        (MEMBER.format("passes = [1]"), "ARCH607", "`passes` must be a list of sampled, largest"),
        (MEMBER.format("width = [4]"), "ARCH604", "expected an outcome or a sampler"),
    ],
)
def test_what_an_architecture_does_not_have_is_refused(search: str, code: str, headline: str):
    with pytest.raises(SpecError) as caught:
        program(search + GOAL if "minimize" not in search else search).search()
    (error,) = caught.value.diagnostics
    assert (error.code, error.headline[: len(headline)]) == (code, headline)


def test_an_objective_beside_those_of_architectures_is_refused():
    with pytest.raises(SpecError, match="each architecture requires a separate objective"):
        read_config(program(MEMBER.format("") + GOAL).search())


@pytest.mark.parametrize("word", ["steps = 3", "warmup = 5", "seed = 1", "temperature = 2.0"])
def test_settings_that_a_strategy_does_not_have_are_refused(word: str):
    with pytest.raises(SpecError) as caught:
        program(f"  strategy = differentiable({word})\n").search()
    (error,) = caught.value.diagnostics
    assert (error.code, at(error)) == ("ARCH204", word.split(" ")[0])


@pytest.mark.parametrize("clause", ["temperature = 3.0", "schedule = cosine", "upsample = 2"])
def test_clauses_that_nothing_reads_are_refused(clause: str):
    with pytest.raises(SpecError, match="ARCH605"):
        program(f"  {clause}\n").search()


@pytest.mark.parametrize("clause", ["epochs = 3", "sampler = softmax", "minimize macs", "budget = 2 h"])
@pytest.mark.parametrize("group", ["architecture", "parameters"])
def test_clauses_of_the_search_are_refused_inside_a_group(group: str, clause: str):
    with pytest.raises(SpecError, match="ARCH605"):
        program(f"  {group} {{\n    {clause}\n  }}\n").search()


BAD = [
    (group, name, key, value)
    for group, words in GROUPS.items()
    for name, word in words.items()
    for key, one in word.settings.items()
    for value in {"whole": ["0.5", '"x"', "true"], "number": ['"x"', "true"], "flag": ["3"], "text": ["3"],
                  "pair": ["3", "[0.1]", "true"], "word": ["3", "macs"], "data": ["true", "1 ms"],
                  "time": ["true", "3 fps"], "names": ["3", "true"], "part": ["3", "true"],
                  "space": ["3", "true"], "target": ["3", "true"], "loss": ["3", "macs"]}[one.kind]
]  # fmt: skip


@pytest.mark.parametrize(("group", "name", "key", "value"), BAD, ids=lambda part: str(part))
def test_a_value_that_a_setting_does_not_take_is_refused_at_its_place(group, name, key, value):
    if group == "scopes":
        pytest.skip("without settings")
    with pytest.raises(SpecError) as caught:
        program(
            written(group, name, f"{key} = {value}")
            if name != "lstm"
            else f"  strategy = ppo(controller = lstm({key} = {value}))\n"
        ).search()
    code = "ARCH839" if key == "loss" else "ARCH607"
    assert (code, value) in {(d.code, at(d)) for d in caught.value.diagnostics}


def test_words_whose_help_advises_them_run_or_say_that_they_do_not():
    from archdsl.lang import search_habits as habits

    # `decisions`, a scope, is also what helps call decisions.
    for table in (habits._SEARCH, habits._CLAUSES):
        for help in table.values():
            named = [
                name
                for name, word in WORDS.items()
                if not word.run and name != "decisions" and f" {name}" in f" {help}".replace("(", " ")
            ]
            assert not named or "not run yet" in help, help
