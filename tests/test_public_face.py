"""What `import archdsl` offers: networks trained, scored and exported from Python, as by the verbs."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file

import archdsl
from archdsl import SpecError
from archdsl.cli import run

ROOT = Path(__file__).resolve().parent.parent
DATA = "synthetic:images=8,size=32x64"
SPEC = """arch 1

op block(x; c: int = x.c) = x -> conv(c = c) -> bn -> relu

network Small(; classes = 19) {
  input image: [3, 32, 64]
  a = image -> block(c = 8)
  output logits = a -> block -> conv(c = classes, k = 1)
  output aux train = a -> conv(c = classes, k = 1)
}
"""
SEARCH = """
space Wide(; classes = 11) {
  input image: [3, 32, 64]
  a = image -> one of {small: conv(c = 8, s = 2), large: conv(c = 8, k = 5, s = 2)} -> relu
  output logits = a -> conv(c = classes, k = 1) -> upsample(like = image)
}

search Quick for Wide {
  data = synthetic(images = 8, batch = 4)
  strategy = differentiable(epochs = 1)
  minimize cross_entropy + 0.01 * log(macs)
}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.arch").write_text(SPEC)


def test_everything_public_is_listed_typed_and_there() -> None:
    assert set(archdsl.__all__) <= set(dir(archdsl))
    for name in archdsl.__all__:
        assert getattr(archdsl, name) is not None
    source = inspect.getsource(archdsl)
    typed = {line.rsplit(" as ", 1)[1] for line in source.splitlines() if line.startswith("    from archdsl")}
    assert typed == set(archdsl.__all__) - {"__version__"}


def test_a_training_from_python_is_that_of_the_command_line() -> None:
    words = ["--epochs", "1", "--batch", "4", "--aux", "aux=0.4", "--device", "cpu", "--out", "verb"]
    assert run(["train", "small.arch", "--data", DATA, *words]) == 0
    made = archdsl.train(
        "small.arch", DATA, epochs=1, batch=4, aux={"aux": 0.4}, device="cpu", folder="python"
    )
    assert Path("verb/weights.safetensors").read_bytes() == made.weights.read_bytes()
    verb, python = (json.loads(Path(f, "manifest.json").read_text()) for f in ("verb", "python"))
    assert verb["settings"] == python["settings"]
    assert "mIoU" in Path("python/report.html").read_text("utf-8")
    again = archdsl.train(
        "small.arch", DATA, epochs=1, batch=4, aux={"aux": 0.4}, device="cpu", folder="python", resume=True
    )
    assert again.miou == made.miou


def test_a_search_from_python_returns_its_result() -> None:
    steps: list[int] = []
    found = archdsl.search(
        "arch 1\n" + SEARCH, device="cpu", folder="run", report=lambda now: steps.append(now.step)
    )
    assert steps
    assert found.network.origin == "Wide"
    assert found.network.to_arch() == Path("run/best.arch").read_text("utf-8")


def test_rooms_of_the_names_of_functions_stay_modules() -> None:
    import archdsl.search.run
    import archdsl.train.loop

    assert archdsl.train.loop.Training
    assert callable(archdsl.train)
    assert "epochs" in inspect.signature(archdsl.train).parameters
    assert "tables" in inspect.signature(archdsl.search).parameters


def trained_elsewhere() -> archdsl.CompiledNetwork:
    """A module after some steps of a loop of the user's own."""
    torch.manual_seed(0)
    module = archdsl.load("small.arch").network(classes=11).with_train_outputs().module().train()
    optimiser = torch.optim.Adam(module.parameters())
    for _ in range(3):
        images_B3HW, masks_BHW = torch.randn(2, 3, 32, 64), torch.randint(0, 11, (2, 32, 64))
        outputs = module.forward_all(images_B3HW)
        loss = sum(torch.nn.functional.cross_entropy(y, masks_BHW) for y in outputs.values())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return module


def test_a_module_trained_by_ones_own_loop_is_scored_and_exported() -> None:
    module = trained_elsewhere()
    scores = archdsl.evaluate(module, DATA)
    assert module.training
    assert list(scores.iou)[:2] == ["sky", "building"]
    assert 0 <= scores.miou < 1
    archdsl.export(module, "m.safetensors", facts={"licence": "CC0"})
    network = archdsl.load("small.arch").network(classes=11)
    assert archdsl.evaluate(network, DATA, weights="m.safetensors").miou == scores.miou
    assert run(["eval", "small.arch", "--weights", "m.safetensors", "--data", DATA, "--device", "cpu"]) == 0
    assert "aux_conv.weight" not in load_file("m.safetensors")
    written = archdsl.export(module, "m.onnx")
    assert "any batch, height and width" in written.notes
    image_1CHW = torch.randn(1, 3, 32, 64)
    (found,) = onnxruntime.InferenceSession("m.onnx").run(None, {"image": image_1CHW.numpy()})
    with torch.no_grad():
        expected = module.eval()(image_1CHW).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4)


class Ramps:
    """Grey ramps whose brighter part is a class of its own."""

    name, classes, colours, channels = "ramps", ("dark", "bright"), ((0, 0, 0), (255, 255, 255)), 3

    def __init__(self, images: int = 3):
        self.images = images

    def __len__(self) -> int:
        return self.images

    def __getitem__(self, i: int) -> archdsl.Sample:
        grey = np.tile(np.linspace(0, 200 + i, 64).astype(np.uint8), (32, 1))
        return archdsl.Sample(np.stack([grey] * 3, -1), (grey > 100).astype(np.uint8), f"ramp {i}")

    def fingerprint(self) -> str:
        return f"ramps {self.images}"


def test_a_search_and_a_training_take_datasets_of_ones_own() -> None:
    splits = archdsl.Splits(Ramps(8), Ramps(4))
    text = "arch 1\n" + SEARCH.replace("  data = synthetic(images = 8, batch = 4)\n", "  batch = 4\n")
    found = archdsl.search(text, data=splits, device="cpu", folder="found")
    assert json.loads(Path("found/manifest.json").read_text())["data"]["name"] == "ramps"
    trained = archdsl.train(found.network, splits, epochs=2, batch=4, device="cpu", folder="trained")
    assert archdsl.evaluate(trained.module(), splits).miou == trained.miou


def test_any_module_is_scored_on_any_dataset() -> None:
    class Threshold(torch.nn.Module):
        def forward(self, images_B3HW: torch.Tensor) -> torch.Tensor:
            grey = images_B3HW[:, :1]
            middle = (100.5 / 255 - 0.485) / 0.229
            return torch.cat([middle - grey, grey - middle], 1)

    scores = archdsl.evaluate(Threshold(), Ramps())
    assert (scores.miou, scores.accuracy, scores.images) == (1.0, 1.0, 3)


def test_tensors_inside_a_network_are_taken_by_name() -> None:
    module = trained_elsewhere().eval()
    taps = archdsl.features(module, "a", "logits.block", "image")
    image_1CHW = torch.randn(1, 3, 32, 64)
    found = taps.forward_all(image_1CHW)
    relu = torch.nn.functional.relu
    assert torch.equal(found["image"], image_1CHW)
    assert torch.equal(found["a"], relu(module.a_bn(module.a_conv(image_1CHW))))
    assert next(taps.parameters()) is next(module.parameters())
    with pytest.raises(SpecError) as caught:
        archdsl.features(module, "logits")
    (refused,) = caught.value.diagnostics
    assert (refused.code, refused.help) == ("ARCH950", "did you mean `logits.block`?")


def test_a_network_says_what_its_layers_are_and_cost() -> None:
    network = archdsl.load("small.arch").network()
    cost = network.cost()
    assert (cost.params, cost.macs) == (network.params, network.macs)
    assert sum(row.params for row in network.layers) == network.params
    assert network.cost("float16").memory.peak_bytes * 2 == cost.memory.peak_bytes


@pytest.mark.parametrize("text", [SPEC, "arch 1 network N { input x: [3, 8, 8] output y = x -> relu }"])
def test_a_text_is_read_as_one_wherever_a_spec_is_taken(text: str) -> None:
    assert archdsl.check(text).ok
    assert archdsl.compile(text).archdsl_graph.name == archdsl.load(text).network().name


def test_a_spec_that_cannot_be_read_is_a_report_too() -> None:
    report = archdsl.check("arch 1 network {")
    assert not report.ok
    assert report.diagnostics


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"aux": {"edges": 1.0}}, "no auxiliary output `edges`"),
        ({"aux": {"aux": 0.0}}, "must be > 0"),
        ({"amp": "float16"}, "requires CUDA"),
        ({"scale": (2.0, 0.5)}, r"scale must be \[minimum, maximum\]"),
    ],
)
def test_options_that_cannot_be_followed_are_errors_before_a_folder_is_made(options, words) -> None:
    with pytest.raises(ValueError, match=words):
        archdsl.train("small.arch", DATA, device="cpu", folder="run", **options)
    assert not Path("run").exists()


def test_settings_of_a_training_have_the_ranges_of_the_command_line() -> None:
    with pytest.raises(SpecError) as caught:
        archdsl.train("small.arch", DATA, epochs=0)
    assert caught.value.diagnostics[0].code == "ARCH933"


def test_a_space_is_not_trained() -> None:
    with pytest.raises(SpecError) as caught:
        archdsl.train("arch 1\n" + SEARCH, DATA)
    assert caught.value.diagnostics[0].code == "ARCH226"


def test_a_file_of_an_unknown_form_is_refused() -> None:
    with pytest.raises(SpecError) as caught:
        archdsl.export(archdsl.compile("small.arch"), "m.tflite")
    assert caught.value.diagnostics[0].code == "ARCH951"


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"data": Path("synthetic")}, TypeError, "got PosixPath"),
        ({"data": 3}, TypeError, "got int"),
        ({"tables": "auto"}, TypeError, r"tables=\['auto'\]"),
        ({"amp": "fp8"}, ValueError, "got 'fp8'"),
        ({"seed": "a"}, SpecError, "`seed` must be an integer .*, got 'a'"),
        ({"seed": -1}, SpecError, "`seed` must be an integer .*, got -1"),
        ({"seed": 1.5}, SpecError, r"`seed` must be an integer .*, got 1\.5"),
        ({"name": "Quik"}, SpecError, "no search `Quik`"),
        ({"settings": {"data": 3}}, SpecError, "unknown dataset `3`"),
        ({"settings": {"data": Path("synthetic")}}, SpecError, "unknown dataset `synthetic`"),
        ({"settings": {"data": "x" * 5000}}, SpecError, "unknown dataset"),
    ],
)
def test_no_argument_of_a_search_is_dropped_or_found_wrong_after_its_start(
    options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        archdsl.search(SPEC + SEARCH, folder="r", **options)
    assert not Path("r").exists()


def test_a_search_of_a_file_without_one_names_what_it_declares() -> None:
    with pytest.raises(SpecError, match="the file declares no search") as found:
        archdsl.search("small.arch")
    assert found.value.diagnostics[0].help == "available: Small"


def test_features_are_of_modules_of_archdsl_and_by_name() -> None:
    module = archdsl.compile("small.arch")
    for wrong in (torch.nn.Conv2d(3, 3, 1), archdsl.load("small.arch").network(), None):
        with pytest.raises(TypeError, match="a module built by archdsl"):
            archdsl.features(wrong, "a")  # type: ignore[arg-type]
    for names in ((), (8,), (["a"],)):
        with pytest.raises(TypeError, match="names are strings, at least one"):
            archdsl.features(module, *names)  # type: ignore[arg-type]


def test_compiling_drops_no_argument_and_takes_no_other_object() -> None:
    network = archdsl.load("small.arch").network()
    with pytest.raises(TypeError, match="already configured"):
        archdsl.compile(network, classes=3)
    with pytest.raises(TypeError):
        archdsl.compile(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="got int"):
        archdsl.train(network, 3)  # type: ignore[arg-type]


USER = """\
from __future__ import annotations

import random
from pathlib import Path

import torch

import archdsl


def main() -> None:
    program = archdsl.load("a.arch")
    space = program.space()
    network: archdsl.Network = archdsl.bind(space, space.sample(random.Random(0)))
    count: int = network.params + network.macs + network.cost().flops
    names = [row.name for row in network.layers]
    module = archdsl.compile("a.arch")
    found: dict[str, torch.Tensor] = module.forward_all(torch.zeros(1, 3, 8, 8))
    taps = archdsl.features(module, *names)
    report: archdsl.Report = archdsl.check("a.arch", samples=3)
    trained = archdsl.train(network, "synthetic", epochs=3, folder="x")
    miou: float = archdsl.evaluate(trained.module(), "synthetic").miou
    better: archdsl.Network = archdsl.search("s.arch", settings={"epochs": 1}).network
    written = archdsl.export(module, Path("x.onnx"))
    archdsl.use("a-plug-in")
    print(count, found, taps, report.ok, miou, better, written.notes)
"""


LIBRARIES = "[mypy-torch.*,numpy.*,onnx.*,onnxruntime.*,pydantic.*,PIL.*]\nfollow_imports = skip\n"
"""Types of these are not read, which would take most of the time: archdsl's own are what is checked."""


def checked(*paths: Path) -> dict[str, list[str]]:
    """The kinds of errors that mypy --strict finds in programs of users, by file."""
    from mypy import api

    Path("mypy.ini").write_text(f"[mypy]\nstrict = true\nfollow_imports = silent\n{LIBRARIES}")
    cache = ROOT / ".mypy_cache" / "users"
    found, errors, _ = api.run(
        ["--config-file=mypy.ini", f"--cache-dir={cache}", "--no-error-summary", *map(str, paths)]
    )
    assert not errors
    lines = [line for line in found.splitlines() if ": error: " in line]
    return {
        path.name: [line.rsplit("[", 1)[1] for line in lines if line.startswith(f"{path.name}:")]
        for path in paths
    }


@pytest.mark.slow
def test_programs_against_the_public_names_are_type_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYPYPATH", str(ROOT))
    Path("user.py").write_text(USER)
    wrong = (
        USER.replace("epochs=3", "epoch=3").replace("count: int", "count: str").replace(").miou", ").mIoU")
    )
    Path("wrong.py").write_text(wrong)
    found = checked(Path("user.py"), Path("wrong.py"))
    assert found == {"user.py": [], "wrong.py": ["assignment]", "call-arg]", "attr-defined]"]}
