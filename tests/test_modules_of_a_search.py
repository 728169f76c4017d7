"""A search from the command line enters no more modules than it needs, and imports torch only to train.

Modules are counted by `sys.setprofile` up to the first training step or trial: those in which a call enters,
other than calls while a module is imported. The numbers measured are beside the limits.

When `search/` was one strategy, a differentiable search entered 96 of the 280 modules of the package (34 %),
now 180 of 619 (29 %): files were split by idea, and the space, data and settings are checked before the
first step.
Half of 96 would need larger modules, as the language, the graph, its passes and primitives alone are 56.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SPACE = """arch 1

space Widths(; classes = 11) {
  input image: [3, 32, 64]
  kind = one of {conv, dwconv}
  x = image -> conv(c = 4, s = 2) -> kind
  output y = x -> conv(c = classes, k = 1) -> upsample(like = image)
}
"""

COSTS = """
search Q for Widths {
  strategy = random
  evaluate = costs
  trials = 4
  minimize macs
}
"""

DIFFERENTIABLE = """
search Q for Widths {
  strategy = differentiable(epochs = 1)
  data = synthetic(images = 4, size = [32, 64], batch = 2)
  minimize cross_entropy + 0.01 * log(macs)
}
"""

COUNTED = """
import inspect, json, sys
from archdsl.cli import run

class FirstStep(BaseException):
    pass

package = sys.argv[1]
entered = set()
elaborated = [0]
FIRST = "differentiable/step.py", "evaluators/costs.py"

def of_an_import(frame):
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_code.co_filename.startswith(package):
            return True
        frame = frame.f_back
    return False

def count(frame, event, arg):
    code = frame.f_code
    if event != "call" or not code.co_filename.startswith(package):
        return
    if not code.co_flags & inspect.CO_OPTIMIZED:  # the body of a module or a class
        return
    first = code.co_name in ("step", "score") and code.co_filename.endswith(FIRST)
    elaborated[0] += code.co_name == "elaborate" and code.co_filename.endswith("spec/elaborate.py")
    if code.co_filename in entered and not first or of_an_import(frame.f_back):
        return
    entered.add(code.co_filename)
    if first:
        raise FirstStep

if "--device" in sys.argv:
    import torch  # takes long where calls are counted
sys.setprofile(count)
try:
    run(["search", "widths.arch", "--out", "run", *sys.argv[2:]])
except FirstStep:
    pass
else:
    raise AssertionError("no step")
sys.setprofile(None)
torch = "torch" in sys.modules
json.dump({"entered": len(entered), "elaborated": elaborated[0], "torch": torch}, sys.stderr)
"""


def counted(search: str, folder: Path, *options: str) -> dict[str, int]:
    (folder / "widths.arch").write_text(SPACE + search, "utf-8")
    package = str(Path(__file__).resolve().parent.parent / "archdsl")
    done = subprocess.run(
        [sys.executable, "-c", COUNTED, package, *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = json.loads(done.stderr.splitlines()[-1])
    return found


def test_a_search_by_costs_imports_no_torch_and_enters_few_modules(tmp_path: Path):
    found = counted(COSTS, tmp_path)
    assert not found["torch"]
    assert found["entered"] <= 114  # 114
    assert found["elaborated"] == 1


@pytest.mark.slow
def test_a_differentiable_search_enters_few_modules_before_its_first_step(tmp_path: Path):
    found = counted(DIFFERENTIABLE, tmp_path, "--device", "cpu")
    assert found["entered"] <= 180  # 180
    assert found["elaborated"] == 1
