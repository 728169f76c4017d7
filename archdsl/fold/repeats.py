"""Converts repeated sequences of steps to ops, the largest saving first, like Re-Pair compression does for
letters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from archdsl.fold.bodies import Body, Step, replaced, saves
from archdsl.fold.pieces import Ref

LONGEST = 40
"""The maximum number of steps of a repeated sequence; longer repeats are found as repeats of ops."""


class Place(NamedTuple):
    """The beginning of a sequence: the index of a block and of a step in it."""

    body: int
    start: int


def fold_repeats(top: Body, own: Sequence[Body]) -> list[Body]:
    """Replaces repeated sequences by ops as long as that shortens the text; returns the new ops."""
    made: list[Body] = []
    while (found := _best([top, *own, *made])) is not None:
        length, places = found
        bodies = [top, *own, *made]
        whole = next((p for p in places if p.body and _is_whole(bodies[p.body], length)), None)
        if whole is None:
            made.append(_new_op(bodies[places[0].body], places[0].start, length))
        op = made[-1] if whole is None else bodies[whole.body]
        for body, start in reversed(places):
            if bodies[body] is not op:
                _apply(op, bodies[body], start)
    return made


def _is_whole(op: Body, length: int) -> bool:
    """Whether an op consists of exactly `length` steps and returns the last step's output."""
    inputs = tuple((-1, n) for n in range(op.inputs))
    alike = len(op.steps) == length and op.results == [(length - 1, 0)]
    return alike and _inputs(op, 0, length) == inputs


def _best(bodies: Sequence[Body]) -> tuple[int, list[Place]] | None:
    """The repeated sequence of steps whose replacement by an op saves most: its number of steps, and where it
    begins.

    None if no replacement shortens the text.
    """
    ends = [_last_reads(body) for body in bodies]
    steps = [[(step.key, step.reads) for step in body.steps] for body in bodies]
    places = [Place(b, start) for b, body in enumerate(bodies) for start in range(len(body.steps))]
    inputs: dict[Place, dict[Ref, int]] = {place: {} for place in places}

    def step(place: Place, number: int) -> tuple[object, ...]:
        """Step `number` of the sequence that begins at a place, as a key: equal keys mean equal steps.

        A key is the primitive or op of the step, and its inputs as references within the sequence.
        """
        key, reads = steps[place.body][place.start + number]
        return key, _inside(reads, place.start, inputs[place])

    # Sequences are alike if they are so without their last steps, and these are.
    classes: dict[Place, object] = {place: step(place, 0) for place in places}
    best: tuple[int, int, list[Place]] | None = None
    for length in range(2, LONGEST + 1):
        alike: dict[object, list[Place]] = {}
        for place in places:
            if place.start + length <= len(steps[place.body]):
                alike.setdefault((classes[place], step(place, length - 1)), []).append(place)
        repeated = [found for found in alike.values() if len(found) > 1]
        if not repeated:
            break
        for found in repeated:
            closed = [p for p in found if _is_closed(ends[p.body], p.start, length)]
            apart = _apart(closed, length)
            saved = (len(apart) - 1) * (length - 1)
            if saves(len(apart), length) and (best is None or saved > best[0]):
                best = saved, length, apart
        places = [place for found in repeated for place in found]
        classes = {place: number for number, found in enumerate(repeated) for place in found}
    return best and best[1:]


def _inside(reads: Sequence[Ref], start: int, inputs: dict[Ref, int]) -> tuple[Ref, ...]:
    """References to tensors as used within a sequence of steps; tensors from outside become inputs of the
    sequence.

    `inputs` numbers the inputs; new ones are added to it.
    """
    return tuple(
        (ref[0] - start, ref[1]) if ref[0] >= start else (-1, inputs.setdefault(ref, len(inputs)))
        for ref in reads
    )


def _inputs(body: Body, start: int, length: int) -> tuple[Ref, ...]:
    """The tensors from outside that a sequence of steps reads."""
    inputs: dict[Ref, int] = {}
    for step in body.steps[start : start + length]:
        _inside(step.reads, start, inputs)
    return tuple(inputs)


def _apart(places: Sequence[Place], length: int) -> list[Place]:
    """Those of the places, taken greedily in order, whose sequences of `length` steps do not overlap."""
    found: list[Place] = []
    for place in places:
        if not found or found[-1].body != place.body or found[-1].start + length <= place.start:
            found.append(place)
    return found


def _last_reads(body: Body) -> list[tuple[int, int]]:
    """For each step, the last reader of any of its outputs, and the last reader of an output other than its
    first.

    Results of the block are read after its last step; -1 stands for no reader.
    """
    last = [(-1, -1)] * len(body.steps)
    for (step, output), by in body.readers().items():
        if step >= 0:
            reader = len(body.steps) if -1 in by else max(by)
            some, other = last[step]
            last[step] = max(some, reader), max(other, reader) if output else other
    return last


def _is_closed(last: Sequence[tuple[int, int]], start: int, length: int) -> bool:
    """Whether steps outside of the sequence read nothing but the first output of its last step."""
    end = start + length
    return max(last[start : end - 1])[0] < end and last[end - 1][1] < end


def _new_op(body: Body, start: int, length: int) -> Body:
    """A new op of the steps of a sequence, which is not yet applied."""
    inputs: dict[Ref, int] = {}
    steps = [
        Step(s.callee, _inside(s.reads, start, inputs), s.path, s.outputs, {n: [] for n in s.values})
        for s in body.steps[start : start + length]
    ]
    return Body("", "", len(inputs), steps, [(length - 1, 0)], [[] for _ in inputs])


def _apply(op: Body, body: Body, at: int) -> None:
    """Replaces steps of a block by an application of an op, and adds the settings of the steps to the op."""
    length, before = len(op.steps), len(op.channels[0])
    inputs = _inputs(body, at, length)
    channels = [channels_of(body, ref) for ref in inputs]
    for own, step in zip(op.steps, body.steps[at : at + length], strict=True):
        for name, values in step.values.items():
            own.values[name] += values
        own.sizes += step.sizes
        own.which += step.which
    for n, found in enumerate(channels):
        op.channels[n] += found
    which = list(range(before, before + body.applications))
    steps = body.steps[at : at + length]
    nodes = tuple(name for step in steps for name in step.nodes)
    path, results = steps[-1].path, steps[-1].results
    replaced(body, at, length, Step(op, inputs, path, which=which, nodes=nodes, results=results))


def channels_of(body: Body, ref: Ref) -> list[int]:
    """The channels of a tensor in each application of a block, taken from a step that reads it."""
    if ref[0] < 0:
        return body.channels[ref[1]]
    for step in body.steps:
        for position, read in enumerate(step.reads):
            if read != ref:
                continue
            if isinstance(step.callee, str):
                return [sizes[position][0] for sizes in step.sizes]
            return [step.callee.channels[position][n] for n in step.which]
    raise ValueError("nothing reads it")
