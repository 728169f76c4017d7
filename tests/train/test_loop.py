"""Training: what is learned, and that the same is learned whatever interrupts it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import small
import torch
from safetensors.torch import load_file

from archdsl.data.dataset import Sample, Splits
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.runs.faults import Diverged
from archdsl.runs.interrupted import Interrupted
from archdsl.runs.lines import read_records


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    small.training(folder).run(small.silent)
    return folder


def same_run(one: Path, other: Path) -> bool:
    files = ("journal.jsonl", "weights.safetensors", "weights_last.safetensors")
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in files)


def test_a_network_learns(tmp_path: Path):
    best = small.training(tmp_path, epochs=25, ema=0.9).run(small.silent)
    assert best > 0.8


def test_a_journal_has_every_step_and_every_evaluation(whole: Path):
    records = read_records(whole / "journal.jsonl")
    steps = [r for r in records if r["kind"] == "step"]
    assert [r["step"] for r in steps] == list(range(1, 13))
    assert [r["epoch"] for r in steps] == [1] * 4 + [2] * 4 + [3] * 4
    assert [r["step"] for r in records if r["kind"] == "evaluation"] == [4, 8, 12]
    assert steps[0]["lr"] == 0.05
    assert steps[6]["lr"] == pytest.approx(0.05 * 0.5**0.9)


def test_two_runs_of_a_seed_write_the_same(whole: Path, tmp_path: Path):
    small.training(tmp_path).run(small.silent)
    assert same_run(tmp_path, whole)


def test_runs_of_two_seeds_differ(whole: Path, tmp_path: Path):
    small.training(tmp_path, seed=8).run(small.silent)
    assert not same_run(tmp_path, whole)


@pytest.mark.parametrize("step", range(1, 13))
def test_a_run_that_was_killed_at_a_step_goes_on_as_if_nothing_had_happened(
    step: int, whole: Path, tmp_path: Path
):
    with pytest.raises(small.Killed):
        small.training(tmp_path).run(small.killed_after(step))
    again = small.training(tmp_path)
    assert again.restore() < step
    again.run(small.silent)
    assert same_run(tmp_path, whole)


def test_a_run_that_was_killed_after_an_evaluation_or_twice_does_too(whole: Path, tmp_path: Path):
    with pytest.raises(small.Killed):
        small.training(tmp_path).run(small.killed_after(8, evaluating=True))
    again = small.training(tmp_path)
    assert again.restore() == 8  # saved before it was scored
    with pytest.raises(small.Killed):
        again.run(small.killed_after(9))
    path = tmp_path / "journal.jsonl"
    path.write_text(path.read_text() + '{"kind": "st')
    last = small.training(tmp_path)
    last.restore()
    last.run(small.silent)
    assert same_run(tmp_path, whole)


def test_an_image_that_breaks_during_a_run_costs_no_epoch(whole: Path, tmp_path: Path):
    class Breaking(small.Stripes):
        def __getitem__(self, i: int) -> Sample:
            raise SpecError([Diagnostic("ARCH902", "an image that cannot be read")])

    first = small.training(tmp_path)
    first.splits = Splits(first.splits.train, Breaking(5))
    with pytest.raises(SpecError, match="ARCH902"):
        first.run(small.silent)
    again = small.training(tmp_path)
    assert again.restore() == 4
    again.run(small.silent)
    assert same_run(tmp_path, whole)


def test_a_torn_checkpoint_costs_only_the_steps_since_the_one_before(whole: Path, tmp_path: Path):
    with pytest.raises(small.Killed):
        small.training(tmp_path).run(small.killed_after(8))
    torn = tmp_path / "checkpoints" / "step-000000006.pt"
    torn.write_bytes(torn.read_bytes()[:-50])
    again = small.training(tmp_path)
    assert again.restore() == 4
    assert [path for path, _ in again.keeper.passed_over] == [torn]
    again.run(small.silent)
    assert same_run(tmp_path, whole)


def test_a_run_that_is_stop_signals_saves_where_it_is(whole: Path, tmp_path: Path):
    told: list[int] = []
    first = small.training(tmp_path)
    with pytest.raises(Interrupted) as stopped:
        first.run(lambda now: told.append(now.step), stop=lambda: len(told) >= 4)
    again = small.training(tmp_path)
    assert again.restore() == stopped.value.step == 5
    again.run(small.silent)
    assert same_run(tmp_path, whole)


def test_what_is_kept_is_the_average_and_the_best_of_it(whole: Path):
    run = small.training(whole)
    run.restore()
    last = load_file(whole / "weights_last.safetensors")
    assert run.average is not None
    assert all(torch.equal(last[k], v) for k, v in run.average.module.state_dict().items())
    assert not torch.equal(
        last["a_conv_bn_relu_conv.weight"], run.module.state_dict()["a_conv_bn_relu_conv.weight"]
    )
    scores = [r["miou"] for r in read_records(whole / "journal.jsonl") if r["kind"] == "evaluation"]
    assert run.best == max(scores)


def test_weights_do_not_decay_in_biases_and_normalisations(tmp_path: Path):
    run = small.training(tmp_path)
    kernels, rest = run.optimiser.param_groups
    assert (kernels["weight_decay"], rest["weight_decay"]) == (5e-4, 0.0)
    names = {p: name for name, p in run.module.named_parameters()}
    assert sorted(names[p] for p in kernels["params"]) == [
        "a_conv_bn_relu_conv.weight", "b_conv.weight", "logits_conv.weight",
    ]  # fmt: skip
    assert len(kernels["params"]) + len(rest["params"]) == len(names)


def test_channels_last_gives_the_same_loss_up_to_rounding(tmp_path: Path):
    losses = []
    for channels_last in (False, True):
        run = small.training(tmp_path / str(channels_last), channels_last=channels_last, epochs=1, p=0.0)
        run.run(small.silent)
        losses.append([r["loss"] for r in read_records(run.journal.path) if r["kind"] == "step"])
        assert run.module.b_conv.weight.is_contiguous(memory_format=torch.channels_last) == channels_last
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


def test_a_loss_that_is_no_number_stops_the_run_with_the_op_and_the_last_good_checkpoint(tmp_path: Path):
    run = small.training(tmp_path)

    def spoil(now: small.TrainProgress) -> None:
        if now.step == 7:
            run.module.b_conv.register_forward_hook(lambda _layer, _inputs, out: out / 0)

    with pytest.raises(Diverged) as caught:
        run.run(spoil)
    assert (caught.value.step, caught.value.where) == (8, "the output of `b_conv`")
    assert "step-000000006.pt" in str(caught.value.diagnostics[0].help)
    assert small.training(tmp_path).restore() == 6


def test_weights_that_are_no_numbers_are_named_and_not_kept(tmp_path: Path):
    run = small.training(tmp_path)

    def spoil(now: small.TrainProgress) -> None:
        if now.step == 6:
            run.module.b_bn.weight.data.fill_(float("inf"))

    with pytest.raises(Diverged, match=r"at step 6, .*the weights `b_bn\.weight`"):
        run.run(spoil)
    assert run.keeper.steps() == [4, 3]


def test_a_learning_rate_that_is_far_too_high_is_a_divergence(tmp_path: Path):
    with pytest.raises(Diverged, match="ARCH915"):
        small.training(tmp_path, lr=1e30).run(small.silent)


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory."), MemoryError(),
              RuntimeError("DefaultCPUAllocator: can't allocate memory")],
)  # fmt: skip
def test_memory_that_does_not_suffice_is_said_with_what_to_lower(error: Exception, tmp_path: Path):
    run = small.training(tmp_path)

    def full(now: small.TrainProgress) -> None:
        if now.step == 5:
            raise error

    with pytest.raises(SpecError, match="ARCH916") as caught:
        run.run(full)
    help = str(caught.value.diagnostics[0].help)
    assert "batch or crop size" in help
    assert "step-000000004.pt" in help


def test_mixed_precision_learns_as_single_precision_does_nearly(tmp_path: Path):
    losses = []
    for amp in (None, "bfloat16"):
        run = small.training(tmp_path / str(amp), amp=amp, p=0.0)
        run.run(small.silent)
        assert run.module.b_conv.weight.dtype == torch.float32
        records = read_records(tmp_path / str(amp) / "journal.jsonl")
        losses.append([r["loss"] for r in records if r["kind"] == "step"])
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.05)


def test_a_full_disk_ends_a_run_that_goes_on_when_there_is_room(whole: Path, tmp_path: Path, monkeypatch):
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fill(now: small.TrainProgress) -> None:
        if now.step == 5:
            monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(SpecError, match="ARCH917"):
        small.training(tmp_path).run(fill)
    monkeypatch.undo()
    again = small.training(tmp_path)
    assert again.restore() == 4
    again.run(small.silent)
    assert same_run(tmp_path, whole)
