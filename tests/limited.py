"""Verbs of the command line under limits of memory and processor time, and spaces that take much of both."""

from __future__ import annotations

import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

MEMORY, SECONDS = 2 << 30, 20
"""What a verb may take: bytes of address space, and seconds of CPU."""


@dataclass(frozen=True)
class Ended:
    """How a verb ended; `code` is negative where a limit killed it."""

    code: int
    out: str
    err: str


def run(*words: str | Path, memory: int = MEMORY, seconds: int = SECONDS) -> Ended:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))

    command = [sys.executable, "-m", "archdsl", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, check=False)
    return Ended(done.returncode, done.stdout, done.stderr)


def space(body: str, image: tuple[int, int, int] = (3, 32, 32)) -> str:
    return f"arch 1\nspace S {{\n  input image: {list(image)}\n  x[0] = image -> conv(c = 4)\n{body}\n}}\n"


def in_a_row(rounds: int) -> str:
    """2 to the power of `rounds` networks, of which more than 1,024 are more than a float can say."""
    stage = f"stage s for i in 1..{rounds} {{ x[i] = x[i - 1] -> one of {{relu, conv}} }}"
    return space(f"  {stage}\n  output y = x[{rounds}]")


def dense(rounds: int) -> str:
    """Every sum reads any three tensors before it: what is alive depends on everything."""
    one = "(one of x[0..i - 1])"
    return space(
        f"  x[1] = x[0] -> relu\n"
        f"  stage s for i in 2..{rounds} {{ x[i] = {one} + {one} + {one} }}\n  output y = x[{rounds}]"
    )


def optional(rounds: int) -> str:
    """Every sum reads the tensor before it, and each of the others or not."""
    return space(
        "  x[1] = x[0] -> relu\n"
        f"  stage s for i in 2..{rounds} {{\n    e = some of x[0..i - 2]\n"
        f"    x[i] = add({{a: x[i - 1], e}}) -> conv\n  }}\n  output y = x[{rounds}]"
    )


def widths(rounds: int, outcomes: int) -> str:
    """Each width depends on those before it, so that no table of sizes is small."""
    lines = [f"  a[{i}] = one of {{2..{outcomes + 1}}}" for i in range(rounds + 1)]
    lines.append("  t[0] = image -> conv(c = a[0])")
    for i in range(1, rounds + 1):
        width = f"a[{i}] + (a[{i - 1}] if t[{i - 1}].c > a[{i}] else 1)"
        lines.append(f"  t[{i}] = t[{i - 1}] -> conv(c = {width})")
    return space("\n".join([*lines, f"  output y = t[{rounds}]"]))
