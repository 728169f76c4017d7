"""Whole processes, from nothing: CPU seconds (user and system) of `archdsl` commands, and of Python alone.

python benchmarks/cold_start.py [ROUNDS]
"""

from __future__ import annotations

import os
import subprocess
import sys

from measure import SPECS, median, save

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "archdsl --version": ["-m", "archdsl", "--version"],
    "archdsl fmt --check fasterseg_student.arch": [
        "-m", "archdsl", "fmt", "--check", str(SPECS / "fasterseg_student.arch"),
    ],
    "archdsl check fasterseg_student.arch": ["-m", "archdsl", "check", str(SPECS / "fasterseg_student.arch")],
    "archdsl check fasterseg.arch": ["-m", "archdsl", "check", str(SPECS / "fasterseg.arch")],
    "archdsl check template.arch": ["-m", "archdsl", "check", str(SPECS / "template.arch")],
    "archdsl check autortnet.arch": ["-m", "archdsl", "check", str(SPECS / "autortnet.arch")],
    "archdsl check gas.arch": ["-m", "archdsl", "check", str(SPECS / "gas.arch")],
    "python -c 'import torch'": ["-c", "import torch"],
}  # fmt: skip
TARGETS = {"archdsl check fasterseg_student.arch": 0.25, "archdsl check fasterseg.arch": 0.6}


ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
"""Compiled files are kept, as they are where a package was installed: torch's are there in any case."""


def cpu_seconds(arguments: list[str]) -> float:
    """What the operating system says that the process took."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=ENVIRONMENT,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{arguments} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def main(rounds: int = 21) -> None:
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in range(rounds + 1):
        for name, arguments in COMMANDS.items():
            seconds = cpu_seconds(arguments)
            if number:  # the first round warms the disk's cache
                taken[name].append(seconds)
    for name, seconds in taken.items():
        target = f"   target {TARGETS[name]:.2f} s" if name in TARGETS else ""
        print(f"{name:45} {median(seconds):6.3f} s CPU{target}")
    save("cold_start", {"cpu_seconds": taken, "targets": TARGETS})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
