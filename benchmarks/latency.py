"""Latency tables of three spaces on this machine, and how well they predict networks that are held out.

    python benchmarks/latency.py [SPACE …] [--out benchmarks/results]

For each space a table is built from nothing, 200 random networks are measured whole, the table is
calibrated on 150 of them and compared with the other 50; the same from MACs alone stands beside it.
Tables, every measurement and a page of pictures are written.  Absolute times are this machine's; ranks and
relative errors are what is meant.
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path

import archdsl
from archdsl import atomic
from archdsl.cli.latency.text import validation_json, validation_page, validation_text
from archdsl.devices.build import build, new_table
from archdsl.devices.keys import space_keys
from archdsl.devices.measure import Timer, passive_waiting
from archdsl.devices.validate import validate

SPECS = Path(__file__).resolve().parent.parent / "specs"

SPACES: dict[str, dict[str, object]] = {
    "space": {},
    "autortnet": {"image": (3, 96, 192)},
    "template": {"image": (3, 128, 256)},
}
"""The spaces, at sizes whose networks take milliseconds; `space` at its own."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("spaces", nargs="*", default=list(SPACES), metavar="SPACE")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--fit", type=int, default=150)
    parser.add_argument("--held-out", type=int, default=50)
    given = parser.parse_args()
    passive_waiting()
    for name in given.spaces:
        run(name, given.out, given.fit, given.held_out)


def run(name: str, out: Path, fit: int, held_out: int) -> None:
    """Builds, validates and writes `latency_NAME.table.json`, `.json` (raw results) and `.html`."""
    space = archdsl.load(SPECS / f"{name}.arch").space(**SPACES[name])
    timer = Timer("onnxruntime")
    path = out / f"latency_{name}.table.json"
    path.unlink(missing_ok=True)
    begin = time.monotonic()
    keys = space_keys(space, random.Random(0), most=400)
    build(path, keys.units.values(), timer, start=new_table(timer, space.name, space.settings))
    built = time.monotonic() - begin
    print(f"{name}: {len(keys.units)} keys of {keys.networks} networks, table in {built:.0f} s", flush=True)
    found = validate(space, path, timer, fit=fit, held_out=held_out)
    atomic.write_text(out / f"latency_{name}.json", validation_json(space, found, raw=True))
    atomic.write_text(out / f"latency_{name}.html", validation_page(space, found))
    print(validation_text(space, found, path), flush=True)


if __name__ == "__main__":
    main()
