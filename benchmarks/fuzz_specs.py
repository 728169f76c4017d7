# ruff: noqa: E501  # forms of statements and commands, one a line
"""Hostile specs through `check` and `fmt`, and a share of those accepted through every other verb.

    python benchmarks/fuzz_specs.py --cases 1000000 [--seed 0] [--minutes 60] [--corpus DIR]

Each case is a text made from its number (`hostile_specs.py`).  It must end in a result or in diagnostics, within
2 GB and 20 seconds of CPU time; its format must be stable and mean the same.  What a verb prints must hold no
control character.  Cases run in child processes with a limit on memory and a timer; a child that dies or hangs
costs its case only.  The outcome is kept in benchmarks/results, and a run that was stopped goes on where it was;
the cases passed are counted for each state of the code.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import mmap
import os
import random
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hostile_specs import Hostile, corpus
from measure import RESULTS, one_thread

one_thread()
os.environ["ARCHDSL_DEBUG"] = "1"  # an internal error is raised, not reported

import torch  # noqa: E402, F401  # once, before the children are made

import archdsl  # noqa: E402
from archdsl import cli  # noqa: E402
from archdsl.diagnostics import Source, SpecError  # noqa: E402
from archdsl.lang import format_source, parse  # noqa: E402
from archdsl.program import Network  # noqa: E402

SECONDS, MEMORY = 20, 2 * 2**30
HANGS_AFTER = 600
"""Seconds of the clock after which a child that is deaf to its timer is killed; a case may have 25 commands, on
a busy machine."""
CHUNK = 1_000
SHARE_OF_VERBS = 0.02
MOST_MACS = 10**9
MOST_VALUES = 25_000_000
"""Networks that compute or hold more are not run: they take what they ask for."""
KEPT = 200
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Wrong(Exception):
    """A case that ended otherwise than it may."""


class TooSlow(BaseException):
    """The timer of a case: no `except Exception` may stop it."""


def _timer(*_: Any) -> None:
    raise TooSlow


# ---------------------------------------------------------------- one case


def attempt(text: str, rng: random.Random | None) -> str:
    """Checks and formats a text, and puts it through all verbs if `rng` is given: how it ended, in a word."""
    source = Source("case.arch", text)
    try:
        program = archdsl.load("case.arch", text=text)
        formatted = format_source(source)
        report = program.check()
    except SpecError as error:
        if not all(d.primary for d in error.diagnostics):
            raise Wrong("a finding without a place") from error
        return "refused"
    if format_source(Source("case.arch", formatted)) != formatted:
        raise Wrong("the format is not stable")
    again, file = parse(Source("case.arch", formatted)), program.unit.file
    if again != file:
        raise Wrong("the format means something else")
    if [c.text for c in again.comments] != [c.text for c in file.comments]:
        raise Wrong("the format loses a comment")
    if not report.ok:
        return "found wrong"
    if rng is not None:
        verbs(text, program, rng)
    return "accepted"


def verbs(text: str, program: archdsl.Program, rng: random.Random) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spec = str(folder / "case.arch")
        Path(spec).write_text(text, "utf-8")
        for words in _commands(spec, folder, program, rng):
            printed = io.StringIO()
            signal.setitimer(signal.ITIMER_PROF, SECONDS)  # of each command, as of `check` before
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
                code = cli.run(words)
            if code not in (0, 1, 2):
                raise Wrong(f"exit code {code} of {words[0]}")
            if found := _CONTROL.search(printed.getvalue()):
                raise Wrong(f"{words[0]} prints {found[0]!r}")


def _commands(spec: str, folder: Path, program: archdsl.Program, rng: random.Random) -> Iterator[list[str]]:
    form = rng.choice(("--json", "--format=sarif", "--strict"))
    yield from (["check", spec, form], ["check", spec, "--samples", "2"], ["fmt", "--diff", spec])
    yield from (["explain", spec], ["explain", spec, "--json"])
    if not (program.spaces or program.networks):
        return
    yield from (
        ["cost", spec],
        ["cost", spec, "--json", "--samples", "10"],
        ["cost", spec, "-o", f"{folder}/c.html"],
    )
    yield from (
        ["compile", spec, "--emit", form] for form in ("ast", "ir", "shapes", "arch", "python", "dot", "svg")
    )
    yield from (
        ["viz", spec, "-o", str(folder / "x.svg")],
        ["viz", spec, "-o", f"{folder}/x.dot", "--what", "decisions"],
    )
    yield from (
        ["sample", spec, "-n", "2", "--full"],
        ["sample", spec, "--json"],
        ["sample", spec, "-o", f"{folder}/s"],
    )
    found = sorted((folder / "s").glob("*_0.arch"))
    yield ["diff", spec, str(found[0]) if found else spec]
    yield from (["check", str(found[0])] for _ in found[:1])
    if _is_light(program):
        yield from (
            ["compile", spec, "--emit", "torch"],
            ["compile", spec, "--emit", "torch", "-o", f"{folder}/w.safetensors"],
        )
        onnx = [] if rng.random() < 0.1 else ["--no-onnx"]
        yield ["fuzz", spec, "-n", "1", "--seed", str(rng.randrange(100)), "-o", f"{folder}/f", *onnx]


def _is_light(program: archdsl.Program) -> bool:
    """Whether the networks of the default target can be run in no time, those of highest costs among them."""
    from archdsl.passes.analyses.shapes import infer
    from archdsl.passes.costs.cost import costs, total
    from archdsl.passes.costs.pricing import MACS, PARAMS
    from archdsl.passes.costs.space_cost import SpaceCost

    def is_light(network: Network) -> bool:
        shapes = infer(network.graph)
        whole = total(costs(network.graph, shapes).values())
        values = whole.params + sum(c * h * w for c, h, w in shapes.values())
        return whole.macs + values < MOST_MACS and values < MOST_VALUES

    target = program.target()
    if isinstance(target, Network):
        return is_light(target)
    cost = SpaceCost(target.graph)
    dearest = [cost.extreme(price, "most").outcomes for price in (PARAMS, MACS)]
    return all(is_light(target.bind(cost.decisions(outcomes))) for outcomes in dearest)


# ---------------------------------------------------------------- under limits


def limited(work: Callable[[], str]) -> tuple[str, str]:
    """How a piece of work ended, and why if it failed: the exception and where it was raised."""
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        return work(), ""
    except TooSlow:
        return "failed", f"more than {SECONDS} s"
    except MemoryError:
        return "failed", "more than 2 GB"
    except (Exception, SystemExit) as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        what = str(error)[:80] if isinstance(error, Wrong) else ""
        return "failed", f"{type(error).__name__} {what} at {Path(place.filename).name}:{place.lineno}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def minimised(text: str, why: str, again: Callable[[str], str]) -> str:
    """A smaller text that fails in the same way, found in few steps."""
    end = time.process_time() + 30
    for split in (re.compile(r"[^\n]*\n?"), re.compile(r"\s*(?:\w+|[^\w\s]+)")):
        pieces = split.findall(text)
        size = max(1, len(pieces) // 2)
        while size and time.process_time() < end:
            at = 0
            while at < len(pieces) and time.process_time() < end:
                fewer = pieces[:at] + pieces[at + size :]
                if limited(lambda fewer=fewer: again("".join(fewer)))[1] == why:
                    pieces = fewer
                else:
                    at += size
            size //= 2
        text = "".join(pieces)
    return text


def chunk(hostile: Hostile, numbers: range, at: mmap.mmap) -> dict[str, Any]:
    """The outcomes of some cases, by kind, and those that failed."""
    signal.signal(signal.SIGPROF, _timer)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    outcomes: Counter[str] = Counter()
    failures = []
    for number in numbers:
        at[:8] = number.to_bytes(8, "little")
        kind, text = hostile.case(number)
        chosen = random.Random(f"verbs {hostile.seed} {number}").random() < SHARE_OF_VERBS

        def again(text: str, chosen: bool = chosen, number: int = number) -> str:
            return attempt(text, random.Random(number) if chosen else None)

        before = time.process_time()
        outcome, why = limited(lambda again=again, text=text: again(text))
        outcomes[f"{kind}: {outcome}"] += 1
        outcomes["through every verb"] += chosen and outcome == "accepted"
        outcomes["longest ms"] = max(outcomes["longest ms"], round(1e3 * (time.process_time() - before)))
        if why:
            small = text if "more than" in why else minimised(text, why, again)
            failures.append({"case": number, "kind": kind, "why": why, "text": small[:4_000]})
    outcomes["peak MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {"outcomes": outcomes, "failures": failures}


def in_child(hostile: Hostile, numbers: range) -> tuple[dict[str, Any], int]:
    """The outcome of a chunk, or as far as a child came that died; and the number to go on with."""
    at = mmap.mmap(-1, 8)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        with os.fdopen(write, "w") as stream:
            json.dump(chunk(hostile, numbers, at), stream)
        os._exit(0)
    os.close(write)
    watch = _Watch(child, at)
    with os.fdopen(read) as stream:
        text = watch.read(stream)
    os.waitpid(child, 0)
    if text:
        return json.loads(text), numbers.stop
    number = int.from_bytes(at[:8], "little")
    kind, text = hostile.case(number)
    failure = {"case": number, "kind": kind, "why": "the process died or hung", "text": text[:4_000]}
    done: dict[str, Any] = {"outcomes": {f"{kind}: failed": 1}, "failures": [failure]}
    return done, number + 1


class _Watch:
    """Reads what a child writes; kills it where it stays at one case for too long."""

    def __init__(self, child: int, at: mmap.mmap):
        self.child, self.at = child, at

    def read(self, stream: Any) -> str:
        import select

        seen, since = b"", time.monotonic()
        while not select.select([stream], [], [], 1)[0]:
            if self.at[:8] != seen:
                seen, since = self.at[:8], time.monotonic()
            elif time.monotonic() - since > HANGS_AFTER:
                os.kill(self.child, signal.SIGKILL)
        return str(stream.read())


# ---------------------------------------------------------------- the run


def code_hash() -> str:
    """What tells states of the code apart."""
    found = hashlib.sha256()
    for path in sorted(Path(archdsl.__file__).parent.rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()[:12]


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--cases", type=int, default=1_000_000)
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--minutes", type=float, default=1e9)
    words.add_argument("--corpus", type=Path, nargs="*", default=[])
    words.add_argument("--fresh", action="store_true", help="forget the cases passed before")
    words.add_argument("--out", type=Path, default=RESULTS / "fuzz_specs.json")
    given = words.parse_args()
    sys.setrecursionlimit(1_000)
    kept = json.loads(given.out.read_text()) if given.out.exists() and not given.fresh else {}
    if kept.get("seed") != given.seed:
        kept = {"seed": given.seed, "next": 0, "code": {}, "failures": []}
    hostile = Hostile(given.seed, corpus(*given.corpus))
    code = code_hash()
    outcomes = kept["code"].setdefault(code, {})
    start, end = time.monotonic(), time.monotonic() + 60 * given.minutes
    while kept["next"] < given.cases and time.monotonic() < end:
        number = kept["next"]
        done, kept["next"] = in_child(hostile, range(number, min(number + CHUNK, given.cases)))
        for name, count in done["outcomes"].items():
            before = outcomes.get(name, 0)
            outcomes[name] = max(before, count) if name in ("peak MB", "longest ms") else before + count
        outcomes["cases"] = outcomes.get("cases", 0) + kept["next"] - number
        for failure in done["failures"]:
            print(f"{failure['case']}: {failure['why']}", flush=True)
            kept["failures"] = [*kept["failures"], {**failure, "code": code}][-KEPT:]
        given.out.parent.mkdir(exist_ok=True)
        given.out.with_suffix(".new").write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
        given.out.with_suffix(".new").replace(given.out)
        if kept["next"] // CHUNK % 20 == 0:
            rate = outcomes["cases"] / (time.monotonic() - start)
            print(f"{kept['next']:,} cases, {rate:.0f} a second", flush=True)
    print(json.dumps(dict(sorted(outcomes.items())), indent=1))


if __name__ == "__main__":
    main()
