"""Settings of windows by axis in spaces."""

from __future__ import annotations

import itertools

import archdsl
from archdsl.ir.text import dump, parse

SPACE = """arch 1
space S {
  input image: [3, 12, 18]
  k = one of {[1, 3], [3, 1], 3}
  r = one of {1, 3}
  q = one of {3, 5}
  p = one of {same: "same", both: [1, 1], each: [1, 2]}
  over = one of {yes: true, no: false}
  x = image -> conv(c = 4, k = k)
  y = x -> conv(k = [r, q], s = [2, 3])
  output out = y -> conv(padding = p) -> max_pool(k = 2, s = 2, ceil = over)
}
"""


def test_lists_of_integers_are_their_own_labels() -> None:
    decisions = archdsl.load("s.arch", text=SPACE).space().graph.decisions
    assert decisions["k"].candidates == ("1x3", "3x1", "3")


def test_networks_have_the_settings_that_they_have_when_written_without_decisions() -> None:
    space = archdsl.load("s.arch", text=SPACE).space()
    again = parse(dump(space.graph))
    assert dump(again) == dump(space.graph)
    kernels = {"1x3": "[1, 3]", "3x1": "[3, 1]", "3": "3"}
    truth = {"yes": "true", "no": "false"}
    paddings = {"same": '"same"', "both": "1", "each": "[1, 2]"}
    for k, r, q, p, over in itertools.product(kernels, "13", "35", paddings, truth):
        network = space.bind({"k": k, "r": r, "q": q, "p": p, "over": over})
        written = f"""arch 1
network N {{
  input image: [3, 12, 18]
  x = image -> conv(c = 4, k = {kernels[k]})
  y = x -> conv(k = [{r}, {q}], s = [2, 3])
  output out = y -> conv(padding = {paddings[p]}) -> max_pool(k = 2, s = 2, ceil = {truth[over]})
}}
"""
        plain = archdsl.load("n.arch", text=written).network()
        assert [n.attrs for n in network.graph.nodes.values()] == [
            n.attrs for n in plain.graph.nodes.values()
        ]
        assert (network.params, network.macs) == (plain.params, plain.macs)


def test_an_entry_that_does_not_fit_is_located_with_its_decision() -> None:
    text = SPACE.replace("[r, q]", "[r, q - 4]")
    found = archdsl.load("s.arch", text=text).check().diagnostics
    first = next(d for d in found if d.severity == "error")
    assert (first.code, dict(first.witness)["q"]) == ("ARCH208", "3")
    assert "`k` of `conv` is -1" in first.headline
