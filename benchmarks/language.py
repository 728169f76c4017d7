"""Statements of a network parsed, checked and formatted, warm; and whether the time stays linear.

    python benchmarks/language.py [ROUNDS]

Lark's own LALR parser reads the same text with the same grammar, for comparison.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from measure import in_turns, median, one_thread, ratio, save

one_thread()

from lark import Lark  # noqa: E402

import archdsl  # noqa: E402
from archdsl.diagnostics import Source  # noqa: E402
from archdsl.lang import format_source, unparse  # noqa: E402
from archdsl.resources import grammar_path, specs_folder  # noqa: E402

LAYERS = ("x[{i}] = x[{a}] -> conv_bn_relu(c = 8, k = 1)",)
MIXED = (
    *LAYERS,
    "x[{i}] = (x[{a}] -> sep_conv(k = 5)) + x[{b}]",
    "x[{i}] = relu(x[{a}]) + x[{b}]",
    "x[{i}] = x[{a}] -> conv(c = 8, d = 2) -> bn -> relu",
    "x[{i}] = concat(x[{a}], x[{b}]) -> conv(c = 8, k = 1)",
)
TEXTS = {"a layer each": LAYERS, "of five kinds": MIXED}
TARGET_MS = 150
SIZES = (1_500, 5_000, 15_000, 30_000)


def text(kinds: Sequence[str], statements: int) -> str:
    """A network of that many statements, of these kinds in turn, in canonical format."""
    body = [
        kinds[i % len(kinds)].format(i=i, a=i - 1, b=i - 2 if i > 1 else 0) for i in range(1, statements - 2)
    ]
    lines = [
        "input image: [3, 64, 64]",
        "x[0] = image -> conv_bn_relu(c = 8)",
        *body,
        f"output logits = x[{statements - 3}] -> conv(c = 19, k = 1)",
    ]
    head = 'arch 1\n\nimport conv_bn_relu, sep_conv from "std/ops.arch"\n\nnetwork Long {\n'
    return head + "".join(f"  {line}\n" for line in lines) + "}\n"


class Steps:
    """The steps of the work on one text; each can be run again and again."""

    def __init__(self, kinds: Sequence[str], statements: int):
        self.text = text(kinds, statements)
        self.source = Source("long.arch", self.text)
        self.program = self.load()

    def load(self) -> archdsl.Program:
        return archdsl.load(specs_folder() / "long.arch", text=self.text)

    def check(self) -> None:
        if not self.program.check().ok:
            raise SystemExit("the text has errors")

    def unparse(self) -> None:
        if unparse(self.program.unit.file, self.source) != self.text:
            raise SystemExit("the text is not in canonical format")

    def everything(self) -> None:
        """Parsed once, checked, and formatted."""
        self.program = self.load()
        self.check()
        self.unparse()


def main(rounds: int = 21) -> None:
    lark = Lark(grammar_path().read_text("utf-8"), parser="lalr", lexer="basic", maybe_placeholders=True)
    figures = {}
    for name, kinds in TEXTS.items():
        print(f"{SIZES[0]:,} statements, {name}: ms")
        steps = Steps(kinds, SIZES[0])
        tasks = {
            "parsed, checked, formatted": steps.everything,
            "parsed": steps.load,
            "checked": steps.check,
            "formatted, from the AST": steps.unparse,
            "format_source (parses, too)": lambda steps=steps: format_source(steps.source),
            "Lark's parser, to its tree": lambda steps=steps: lark.parse(steps.text),
        }
        figures[name] = taken = in_turns(tasks, rounds)
        for task, seconds in taken.items():
            target = f"   target {TARGET_MS}" if task.startswith("parsed,") else ""
            print(f"  {task:28} {1e3 * median(seconds):7.1f}{target}")
        lark_to_ours = ratio(taken["Lark's parser, to its tree"], taken["parsed"])
        print(f"  Lark's parser / ours: {lark_to_ours:.1f}")

    print("microseconds a statement, mixed")
    growth = {}
    for statements in SIZES:
        steps = Steps(MIXED, statements)
        each = in_turns({n: getattr(steps, n) for n in ("load", "check", "unparse")}, 5, warm=1)
        growth[statements] = each
        row = {name: 1e6 * median(seconds) / statements for name, seconds in each.items()}
        print(f"  {statements:6,}  " + "  ".join(f"{n} {v:6.1f}" for n, v in row.items()))
    save("language", {"cpu_seconds": figures, "growth": growth, "target_ms": TARGET_MS})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
