"""What a Python user finds in `archdsl`."""

from __future__ import annotations

import subprocess
import sys

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


def test_a_text_is_read_as_a_spec():
    assert archdsl.load(TEXT).network().name == "Two"


def test_a_network_says_what_it_costs_as_it_is_deployed_and_as_it_is_trained():
    network = archdsl.load(TEXT).network()
    assert (network.params, network.macs) == (3 * 4 * 9 + 4 * 2, (3 * 4 * 9 + 4 * 2) * 64)
    assert network.with_train_outputs().params == network.params + 4 * 2 * 9
