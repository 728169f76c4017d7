"""The training loop of a differentiable search, with progress reports, checkpoints and the result."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from archdsl.data.augmentation import Augmentation
from archdsl.data.batches import Batch, Batches, prefetched
from archdsl.data.dataset import Dataset, Splits
from archdsl.data.targets import read_maps
from archdsl.diagnostics import SpecError
from archdsl.passes.analyses.depth import depths
from archdsl.program import Network
from archdsl.runs.faults import Diverged, bad_parameter, explain_memory, is_out_of_memory
from archdsl.runs.interrupted import Interrupted
from archdsl.runs.journal import Journal
from archdsl.runs.lines import Mark
from archdsl.runs.processes import Processes
from archdsl.runs.restoring import Unfit, part
from archdsl.runs.resuming import restored
from archdsl.search import records
from archdsl.search.config import SearchConfig
from archdsl.search.differentiable.final_training import refined
from archdsl.search.differentiable.halves import Half
from archdsl.search.differentiable.members import CoSearchMember
from archdsl.search.differentiable.optimisers import rate
from archdsl.search.differentiable.readiness import crop_of
from archdsl.search.differentiable.step import SearchTrainer
from archdsl.search.evaluators.from_scratch import FromScratch
from archdsl.search.evaluators.shared_weights import SharedWeights
from archdsl.search.evaluators.short_training import ShortTraining
from archdsl.search.folder import SearchFolder
from archdsl.search.found_text import text_of
from archdsl.search.keeping import keep, write_text
from archdsl.search.progress import Report, SearchProgress
from archdsl.search.result import Result, discretize
from archdsl.search.verdict import verdict
from archdsl.train.read_inputs import inputs_metadata
from archdsl.train.recording import leading, recorded
from archdsl.train.tallies import ScoredOutput
from archdsl.train.tasks import tasks_metadata

CHECKPOINT_STEPS = 100
"""Steps between checkpoints; each epoch also ends with one."""


class Search:
    """A differentiable search: trains a supernet, and the architecture parameters of its members, in place.

    `net` is the module with all weights; the members are the architectures that share them, usually one.
    """

    def __init__(
        self, config: SearchConfig, members: Sequence[CoSearchMember], net: nn.Module,
        splits: Splits, folder: SearchFolder, processes: Processes, seed: int = 0,
        amp: torch.dtype | None = None, baseline: Network | None = None,
    ):  # fmt: skip
        self.config, self.splits, self.folder = config, splits, folder
        self.processes, self.seed, self.baseline = processes, seed, baseline
        self.keeper = folder.checkpoints
        self.trainer = SearchTrainer(config, members, net, self.keeper, processes, seed, amp)
        self.net, self.members, self.main = net, members, self.trainer.main
        self.space, self.objective = self.main.space, self.main.objective
        self.architecture = self.main.learner.architecture
        self.depths = depths_of(self.main)
        self.batches, self.held = self._batches()
        self.epochs = config.pretrain + config.epochs
        self.steps = self.epochs * self.batches.steps_per_epoch
        self.step = 0
        self.journal = Journal(folder.journal) if processes.is_first else None
        self.sums: list[float] = []
        self.tried: dict[str, float] = {}
        self.compared: dict[str, dict[str, float]] = {}
        """The main scores of the networks trained from scratch, by role: "found" and "baseline"."""
        self.verdicts: dict[str, dict[str, Any]] = {}
        self.scored = True
        self.elapsed_s = 0.0
        """The seconds of training up to the newest checkpoint, including those before a resumption."""
        self._timed = time.monotonic()

    def _batches(self) -> tuple[Batches, Batches]:
        """The batches for weights and for architecture: from the same data, or from separate halves of it."""
        height, width = self.crop
        how = self.config.batched
        change = Augmentation((height, width), how.scale, how.flip)
        train: tuple[Dataset, Dataset] = (self.splits.train, self.splits.train)
        if self.config.order == 1:
            train = Half(self.splits.train, 0), Half(self.splits.train, 1)
        rank, world = self.processes.rank, self.processes.world
        targets = {name for member in self.members for name in member.objective.targets}
        read = read_maps(self.splits.train, self.space.graph)
        self.whole_batches = Batches(train[0], self.config.batch, change, self.seed, inputs=read)
        first, second = (
            Batches(d, self.config.batch, change, self.seed, rank, world, targets, read) for d in train
        )
        return first, second

    def batches_for(self, network: Network) -> Batches:
        """The batches for training a network from scratch, which may read other maps than the space."""
        return self.batches.reading(read_maps(self.splits.train, network.graph))

    @property
    def crop(self) -> tuple[int, int]:
        """The height and width of training crops."""
        return crop_of(self.config, self.space.graph)

    @property
    def epochs_done(self) -> int:
        """The number of completed epochs."""
        return self.step // self.batches.steps_per_epoch

    def phases(self) -> dict[int, int]:
        """The steps left of each remaining phase, by its first epoch: pretraining, if it is not complete, and
        search.
        """
        first = self.config.pretrain
        pretraining = max(0, first * self.batches.steps_per_epoch - self.step)
        searching = {first: self.steps - self.step - pretraining}
        return {0: pretraining, **searching} if pretraining else searching

    # ------------------------------------------------------------ running

    def restore(self) -> int:
        """Loads the newest readable checkpoint; returns its step, 0 without checkpoints."""
        self.step = restored(self.keeper, self.journal, self._load)
        return self.step

    def _load(self, state: Mapping[str, Any]) -> Mark:
        """Restores a state; returns its position in the journal.

        Raises Unfit, leaving everything unchanged.
        """
        sums, tried = part(state, "sums", list), part(state, "tried", dict)
        compared = part({"compared": {}, **state}, "compared", dict)
        for n, value in enumerate([*sums, *tried.values()]):
            if type(value) is not float or math.isnan(value):
                raise Unfit(f"loss {n} is {value}")
        for role, scores in compared.items():
            if type(scores) is not dict or not all(type(score) is float for score in scores.values()):
                raise Unfit(f"the scores of `{role}` are {scores!r}")
        scored, mark = part({"scored": True, **state}, "scored", bool), Mark.read(state)
        elapsed = part({"elapsed_s": 0.0, **state}, "elapsed_s", float, least=0)
        kept = part({"windows": {}, **state}, "windows", dict)
        windows = [one.objective.windows.read(kept.get(one.name, {})) for one in self.members]
        self.trainer.load_state(state)
        for member, weights in zip(self.members, windows, strict=True):
            member.objective.windows.weights = weights
        self.sums, self.tried, self.scored, self.compared = list(sums), dict(tried), scored, dict(compared)
        self.elapsed_s = elapsed
        return mark

    def run(self, report: Report, stop: Callable[[], bool] = lambda: False) -> Result:
        """Runs the search and returns the network found, whose spec and weights are written to the folder.

        If `stop` returns True in any process, writes a checkpoint and raises Interrupted. Raises SpecError:
        ARCH915 for non-finite values, ARCH916 if out of memory, ARCH917 for a full disk.
        """
        self._timed = time.monotonic()
        if self.step == 0:
            for member in self.members:
                decisions = member.space.searched.decisions
                self._write(records.opening(decisions, depths_of(member)) | _labels(member))
        try:
            if not self.scored:
                self._after(report)
            ended = self.tried or self.compared or self._is_over()
            for step, batch in () if ended else self._ahead():
                now = self._step(step, batch)
                stopping = self._record(now, stop(), report)
                self._after(report)
                if stopping and self.step < self.steps:
                    raise Interrupted(self.step, self._save())
                if self._is_over():
                    break
            found = self._refined(report, stop) if self.config.refine else self.most_probable()
            if self.baseline is not None:
                self._compare({"found": found.network, "baseline": self.baseline}, report, stop)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise SpecError([explain_memory(error, self.keeper.newest())]) from error
        return self.finish(found)

    def _ahead(self) -> Iterator[tuple[int, Batch]]:
        stream = prefetched(self.batches, self.step, self.steps)
        try:
            yield from stream
        finally:
            stream.close()

    def _is_over(self) -> bool:
        """Whether the time budget is used up; False within an epoch.

        The elapsed time is stored in checkpoints, so that a resumed search has the remaining time only.
        """
        if self.config.budget_s is None or self.step == 0 or self.step % self.batches.steps_per_epoch:
            return False
        spent = torch.tensor(float(self.elapsed_s > self.config.budget_s))
        return bool(self.processes.sum(spent))

    def _step(self, step: int, batch: Batch) -> SearchProgress:
        epoch = step // self.batches.steps_per_epoch
        loss, task, costs = self.trainer.step(step, self.steps, epoch, batch, self.held.batch)
        self.step = step + 1
        return self._progress(epoch, loss, task, costs)

    def _progress(
        self, epoch: int, loss: float, task: float, costs: Mapping[str, float], **more: Any
    ) -> SearchProgress:
        mean = records.mean_depths(self.architecture.probabilities(), self.depths)
        return SearchProgress(self.step, self.steps, epoch, self.epochs, loss, task, costs, mean, **more)

    # ------------------------------------------------------------ reports and files

    def _record(self, now: SearchProgress, stop: bool, report: Report) -> bool:
        """Records and reports a step; returns whether `stop` is True in any process."""
        self.sums.append(now.loss)
        lr = rate(self.config.parameters, (now.step - 1) / self.steps)
        self._write(records.of_step(now, lr, self._tau(now.epoch)))
        report(now)
        return bool(self.processes.sum(torch.tensor(float(stop))))

    def _after(self, report: Report) -> None:
        """Evaluates, and saves a checkpoint, if either is due after this step."""
        epoch, within = divmod(self.step, self.batches.steps_per_epoch)
        if within == 0:
            self.scored = False
            self._save()  # so that the epoch is not lost if scoring fails
            self._epoch(epoch - 1, report)
            self.scored = True
        if within == 0 or self.step % CHECKPOINT_STEPS == 0:
            self._save()

    def _tau(self, epoch: int) -> float:
        return self.main.learner.tau(max(0, epoch - self.config.pretrain))

    def _epoch(self, epoch: int, report: Report) -> None:
        loss = sum(self.sums) / max(1, len(self.sums))
        self.sums = []
        for member in self.members:
            self._epoch_of(member, epoch, loss, report)

    def _epoch_of(self, member: CoSearchMember, epoch: int, loss: float, report: Report) -> None:
        chances, found = self.chances(member), self.most_probable(member)
        shared = self.shared(member)
        tallies = shared.tallies(shared.module(found.outcomes))
        with torch.no_grad():
            mean = member.objective.cost_values(member.learner.architecture.probabilities())
        expected = member.objective.named(mean)
        now = self._progress(
            epoch, loss, loss, expected, scores=leading(tallies), found=found, member=member.name
        )  # fmt: skip
        chosen = {path: rounds[found.outcomes[path]] for path, rounds in depths_of(member).items()}
        reported = {**_costs(member, found), "gates": chosen}
        record = records.of_epoch(now, self._tau(epoch), chances, found, recorded(tallies)[0], reported)
        record |= _labels(member)
        if (windows := member.objective.windows).weights:
            record["weights"] = dict(windows.weights)  # those of this epoch
            if epoch >= self.config.pretrain:
                windows.after_epoch(member.derived_costs(found))
        self._write(record)
        if self.processes.is_first:
            write_text(self.folder_of(member).after_epoch(epoch + 1), text_of(member.space, found))
        report(now)

    def folder_of(self, member: CoSearchMember) -> SearchFolder:
        """The folder for the networks and the report of a member."""
        return SearchFolder(self.folder.path / member.name) if member.name else self.folder

    def chances(self, member: CoSearchMember | None = None) -> dict[str, torch.Tensor]:
        """The current outcome probabilities of each decision, for the main member or another one."""
        found = (member or self.main).learner.architecture.probabilities()
        return {path: p.detach().cpu() for path, p in found.items()}

    def most_probable(self, member: CoSearchMember | None = None) -> Result:
        """The network derived from the current probabilities, for the main member or another one."""
        member = member or self.main
        return discretize(member.space, self.chances(member), self.seed, member.objective.costs)

    def shared(self, member: CoSearchMember | None = None) -> SharedWeights:
        """An evaluator that scores networks of a member with weights of the supernet."""
        member = member or self.main
        return SharedWeights(
            member.network, self.whole_batches, self.config.calibrate, self.splits.val, self.processes,
            member.objective.scored,
        )  # fmt: skip

    def recalibrated(self, found: Result, member: CoSearchMember | None = None) -> nn.Module:
        """The module of a derived network in eval mode, with inherited weights and new statistics."""
        return self.shared(member).module(found.outcomes)

    def _refined(self, report: Report, stop: Callable[[], bool]) -> Result:
        """Final training: trains the most probable network and neighbours from scratch; returns the best.

        The objective of each network is recorded immediately, so that an interrupted search continues here.
        """
        start = self.most_probable()
        if start.unmet:
            return start
        evaluator = ShortTraining(self.trainer, self.space, self.batches, self.splits.val)

        def score(one: Result) -> float:
            key = " ".join(map(str, one.outcomes.values()))
            if key not in self.tried:
                value = evaluator.score(one.outcomes)["objective"]
                self._tried(one, value, report)
                self.tried[key] = value
                stopping, kept = self.processes.sum(torch.tensor(float(stop()))), self._save()
                if stopping:
                    raise Interrupted(self.step, kept)
            return self.tried[key]

        return refined(start, self.chances(), self.config, self.space, self.objective.costs, score)

    def _tried(self, one: Result, value: float, report: Report) -> None:
        number = 1 + len(self.tried)
        self._write(records.of_tried(one, number, value))
        now = self._progress(self.epochs - 1, value, value, {})
        report(replace(now, tried=number, to_try=self.config.refine))

    def _compare(self, networks: Mapping[str, Network], report: Report, stop: Callable[[], bool]) -> None:
        """Trains networks, by role, from scratch for as many epochs as the search; scores them after each.

        Completed trainings are stored in checkpoints; an interrupted one is restarted, with the same results.
        """
        each, epochs = self.batches.steps_per_epoch, self.epochs_done
        for role, network in networks.items():
            if role in self.compared:
                continue
            name = network.name if role == "baseline" else role
            torch.manual_seed(self.seed)
            training = FromScratch(network, self.trainer)
            for epoch, module in enumerate(training.epochs(self.batches_for(network), epochs)):
                tallies = self.shared().tallies(module, self._scored(network))
                step, scores = (epoch + 1) * each, leading(tallies)
                self._write(records.of_scratch(role, network, epoch, step, recorded(tallies)[0]))
                now = self._progress(epoch, 0.0, 0.0, {}, scores=scores, scratch=name)
                report(replace(now, epochs=epochs))
                if self.processes.sum(torch.tensor(float(stop()))):
                    raise Interrupted(self.step, self.keeper.path(self.step))
            self.compared[role] = scores
            self._save()

    def _scored(self, network: Network) -> list[ScoredOutput]:
        """The outputs by which a network trained from scratch is scored: the scored outputs that it has."""
        scored, outputs = self.objective.scored, network.graph.outputs
        if not self.objective.names_outputs:  # its main one is trained, whatever its name
            return [replace(scored[0], name=next(iter(outputs)))]
        return [one for one in scored if one.name in outputs]

    def finish(self, found: Result) -> Result:
        """Writes the network found, its weights, and the final journal record, for every member.

        Returns `found`, the result of the main member, completed.
        """
        results = {one.name: self._finish(one, self.most_probable(one)) for one in self.members[:-1]}
        found = self._finish(self.main, found)
        return replace(found, members={**results, self.main.name: found}) if results else found

    def _finish(self, member: CoSearchMember, found: Result) -> Result:
        found = member.decoded(found, lambda outcomes: self.shared(member).score(outcomes).get("miou", 0.0))
        module = self.recalibrated(found, member)
        self._write({"kind": "recalibrated", "batches": self.config.calibrate} | _labels(member))
        tallies = self.shared(member).tallies(module)
        chances = {path: p.double().tolist() for path, p in self.chances(member).items()}
        judged = verdict(member.space, chances, found.network.chosen, self.seed)
        self.verdicts[member.name] = judged
        end = records.of_end(found, recorded(tallies)[0], _costs(member, found), judged)
        self._write(end | _labels(member))
        if self.processes.is_first:
            tasks = tasks_metadata(member.objective.scored, self.splits.train)
            facts = {**tasks, **inputs_metadata(member.space.graph, self.splits.train)}
            keep(self.folder_of(member), member.space, found, module, self.splits, facts)
        return found

    def _write(self, record: Mapping[str, Any]) -> None:
        if self.journal is not None:
            self.journal.write(record)

    def _save(self) -> Path:
        """Writes a checkpoint in the first process; returns its path.

        Raises Diverged for non-finite weights.
        """
        trained = [self.net, *(member.learner.architecture for member in self.members)]
        bad = next(filter(None, map(bad_parameter, trained)), None)
        if bad is not None:
            raise Diverged(self.step, bad, self.keeper.newest())
        now = time.monotonic()
        self.elapsed_s, self._timed = self.elapsed_s + now - self._timed, now
        if self.journal is None:
            return self.keeper.path(self.step)
        self.journal.sync()
        state = {
            **self.trainer.state(),
            "elapsed_s": self.elapsed_s,
            "sums": list(self.sums),
            "scored": self.scored,
            "tried": dict(self.tried),
            "windows": {one.name: dict(one.objective.windows.weights) for one in self.members},
            "compared": dict(self.compared),
            "journal": self.journal.mark().plain(),
        }
        return self.keeper.save(self.step, state)


def depths_of(member: CoSearchMember) -> dict[str, Any]:
    """The depth decisions of a member by path: the number of iterations that each outcome keeps."""
    return dict(sorted(depths(member.space.searched).items()))


def _labels(member: CoSearchMember) -> dict[str, str]:
    """The fields that identify the journal records of a member; empty if there is only one member."""
    return {"member": member.name} if member.name else {}


def _costs(member: CoSearchMember, found: Result) -> dict[str, float]:
    """The parameters, MACs, and costs in the objective of a derived network, by name."""
    return {**member.objective.named(member.objective.costs_of(found.outcomes)), **found.costs}
