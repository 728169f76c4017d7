"""What a Python user finds in `archdsl`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import archdsl

TEXT = """arch 1

network Two {
  input image: [3, 8, 8]
  x = image -> conv(c = 4)
  output aux train = x -> conv(c = 2)
  output y = x -> conv(c = 2, k = 1)
}
"""


def test_public_names_are_listed_before_they_are_imported():
    script = "import archdsl, sys; print(*dir(archdsl)); assert 'archdsl.program' not in sys.modules"
    listed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert set(archdsl.__all__) <= set(listed.split())


def test_the_page_about_python_has_every_public_name():
    page = (Path(__file__).resolve().parent.parent / "docs" / "python.md").read_text("utf-8")
    listed = set(re.findall(r"`(?:archdsl\.)?(\w+)", page))
    assert set(archdsl.__all__) - {"__version__"} <= listed


def test_a_text_is_read_as_a_spec():
    assert archdsl.load(TEXT).network().name == "Two"


def test_a_network_says_what_it_costs_as_it_is_deployed_and_as_it_is_trained():
    network = archdsl.load(TEXT).network()
    assert (network.params, network.macs) == (3 * 4 * 9 + 4 * 2, (3 * 4 * 9 + 4 * 2) * 64)
    assert network.with_train_outputs().params == network.params + 4 * 2 * 9
