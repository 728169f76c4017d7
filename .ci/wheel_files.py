"""Checks that a wheel holds the grammar, the specs and the pages of the error codes, and nothing foreign."""

from __future__ import annotations

import subprocess
import sys
from zipfile import ZipFile

SHIPPED = ("grammars/", "specs/", "docs/errors/")


def expected() -> set[str]:
    """The files of a checkout that a wheel must hold, by the names that they have there."""
    listing = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True)
    listed = listing.stdout.splitlines()
    data = {f"archdsl/_data/{name}" for name in listed if name.startswith(SHIPPED)}
    return data | {name for name in listed if name.startswith("archdsl/")}


def main(wheel: str) -> int:
    with ZipFile(wheel) as opened:
        found = {name for name in opened.namelist() if ".dist-info/" not in name}
    wrong = [f"missing: {name}" for name in sorted(expected() - found)]
    wrong += [f"foreign: {name}" for name in sorted(found - expected())]
    print(*wrong, f"{len(found)} files in the wheel, {len(wrong)} missing or foreign", sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
