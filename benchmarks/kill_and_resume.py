"""A search that is killed (SIGKILL) at twenty random moments and resumed, against one that is not.

python benchmarks/kill_and_resume.py: a small search (`tests/small_search.py`), forty epochs and thirty short
trainings at its end; prints at how many journal records each kill came, and whether journal, found network
and weights are equal.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from small_search import SPEC  # noqa: E402  (tests are no package)

KILLS = 20
WORDS = ("--set", "epochs=40", "refine=30", "refine_epochs=1", "--device", "cpu")


def started(spec: Path, *where: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "archdsl", "search", str(spec), *where, *WORDS]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=quiet, stderr=quiet)


def records(run: Path) -> int:
    journal = run / "journal.jsonl"
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def killed(spec: Path, run: Path) -> list[int]:
    """Runs to the end with kills on the way; after how many records each kill came."""
    rng, came = random.Random(0), []
    process = started(spec, "--out", str(run))
    for _ in range(KILLS):
        until = records(run) + rng.randint(1, 12)
        while records(run) < until and process.poll() is None:
            time.sleep(0.01)
        time.sleep(rng.random() * 0.2)
        process.send_signal(signal.SIGKILL)
        process.wait()
        came.append(records(run))
        again = ("--resume", str(run)) if (run / "manifest.json").exists() else ("--out", str(run))
        process = started(spec, *again)
    assert process.wait() == 0
    return came


def digests(run: Path) -> dict[str, str]:
    names = ["journal.jsonl", "best.arch", "best.safetensors"]
    return {name: hashlib.sha256((run / name).read_bytes()).hexdigest()[:16] for name in names}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder) / "tiny.arch"
        spec.write_text(SPEC)
        whole, pieces = Path(folder) / "whole", Path(folder) / "pieces"
        assert started(spec, "--out", str(whole)).wait() == 0
        came = killed(spec, pieces)
        one, other = digests(whole), digests(pieces)
    print(f"killed after {came} records")
    for name, digest in one.items():
        print(f"{name}: {'identical' if other[name] == digest else 'DIFFERENT'} ({digest})")
    out = ROOT / "benchmarks" / "results" / "kill_and_resume.json"
    out.write_text(
        json.dumps({"killed_after_records": came, "whole": one, "resumed": other}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
