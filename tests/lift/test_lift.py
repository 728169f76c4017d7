"""`archdsl lift`: PyTorch models as specs that compute the same."""

from __future__ import annotations

import sys
import types
from functools import cache
from pathlib import Path

import pytest
import torch

import archdsl
from archdsl.backends.source import emit
from archdsl.cli import run
from archdsl.diagnostics import SpecError
from archdsl.ir.same import canonical_text
from archdsl.lift.lifting import Lifted, lift
from archdsl.lift.model import model_of
from archdsl.train.weights import module_with_weights

MODELS = str(Path(__file__).parent / "lifted_models.py")
SPECS = Path(__file__).parent.parent.parent / "specs"


def lifted(name: str, arguments: str = "", count: int = 1) -> tuple[torch.nn.Module, Lifted]:
    return _lifted(name, arguments, count)


@cache
def _lifted(name: str, arguments: str, count: int) -> tuple[torch.nn.Module, Lifted]:
    model = model_of(f"{MODELS}:{name}", arguments)
    return model, lift(model, [(3, 32, 48)] * count, name)


def code_of(lines: str) -> list[str]:
    return [line.strip() for line in lines.splitlines() if line.strip() and not line.strip().startswith("#")]


WHOLE = ("ResNet", "UNet", "ENet", "Shuffled", "Twisted", "Padded", "Gated", "Ported")


@pytest.mark.parametrize("name", WHOLE)
def test_a_lifted_network_computes_what_the_model_computes(name):
    model, found = lifted(name)
    x = torch.randn(1, 3, 32, 48, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        model.eval()
        expected = model(x.clone())
        expected = expected if isinstance(expected, dict) else {"out": expected}
        outputs = found.module.forward_all(x)
    assert found.holes == ()
    assert list(outputs) == list(expected)
    for own, wanted in zip(outputs.values(), expected.values(), strict=True):
        error = (own.reshape(wanted.shape) - wanted).abs().max() / wanted.abs().max()
        assert error <= 1e-5


@pytest.mark.parametrize("name", ["ResNet", "UNet", "ENet", "Shuffled", "Siamese"])
def test_a_lifted_network_has_the_parameters_of_the_model(name):
    model, found = lifted(name, count=2 if name == "Siamese" else 1)
    assert found.network.params == sum(p.numel() for p in model.parameters())


def test_a_lifted_network_runs_at_other_sizes():
    model, found = lifted("UNet")
    x = torch.randn(1, 3, 48, 80, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        assert torch.equal(found.module(x), model.eval()(x))


def test_the_text_checks_and_is_formatted(tmp_path):
    for name in ("ResNet", "UNet", "ENet", "Shuffled"):
        path = tmp_path / f"{name}.arch"
        path.write_text(lifted(name)[1].text)
        assert run(["check", str(path)]) == 0
        assert run(["fmt", "--check", str(path)]) == 0


def test_repeated_blocks_are_ops_with_settings_and_stages():
    text = lifted("ResNet", "[6, 2]")[1].text
    assert "op basic_block(x)" in text
    assert "repeat 6" in text
    text = " ".join(lifted("ENet")[1].text.split())
    assert "op bottleneck(x; d: int)" in text
    assert "-> bottleneck(d = 1) -> bottleneck(d = 2) -> bottleneck(d = 4) -> bottleneck(d = 8)" in text


def test_sizes_are_taken_from_the_tensors_that_the_model_measures():
    text = lifted("UNet")[1].text
    assert text.count("like = ") == 2
    assert "scale = 2" in lifted("ENet")[1].text


def test_rearranged_tensors_are_the_maps_behind_them():
    ops = [node.op for node in lifted("Shuffled")[1].network.graph.nodes.values()]
    assert ops.count("channel_shuffle") == 1
    assert {"dwconv", "scale", "global_pool", "pixel_shuffle"} <= set(ops)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("how", ["module", "separate", "chunked", "unbound", "scaled"])
def test_attention_with_its_linear_layers_is_one_primitive(how, bias):
    model, found = lifted("Attending", f"{how!r}, bias={bias}")
    assert found.holes == ()
    assert sorted(node.op for node in found.network.graph.nodes.values()) == [
        "add", "attention", "conv", "layer_norm",
    ]  # fmt: skip
    assert found.network.params == sum(p.numel() for p in model.parameters())
    assert found.difference <= 1e-6


def test_gates_by_channels_and_by_rows_are_primitives():
    ops = [node.op for node in lifted("Gated")[1].network.graph.nodes.values()]
    assert (ops.count("channel_conv"), ops.count("global_pool")) == (1, 3)


def test_channels_are_padded_by_concatenated_zeros():
    model, found = lifted("Widened")
    assert found.holes == ()
    assert "concat(" in found.text
    assert found.text.count("-> zero") == 2
    assert found.network.params == sum(p.numel() for p in model.parameters())


def test_a_module_that_is_called_twice_shares_its_weights():
    model, found = lifted("Siamese", count=2)
    assert found.text.count("tie ") == 3
    left, right = torch.randn(2, 1, 3, 32, 48, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        assert torch.equal(found.module(left, right), model.eval()(left, right))


def test_what_cannot_be_lifted_is_named_with_its_place_and_the_rest_is_lifted(tmp_path):
    model, found = lifted("Spectral")
    assert [str(hole).partition(" (")[0] for hole in found.holes] == [
        "aten.fft_rfft2 in mixer",
        "aten.cumsum",
    ]
    assert all("lifted_models.py:" in str(hole) for hole in found.holes)
    assert found.text.count("conv(") == 3
    assert found.text.count("# not lifted:") == 2
    path = tmp_path / "spectral.arch"
    path.write_text(found.text)
    assert run(["check", str(path)]) == 0
    x = torch.randn(1, 3, 32, 48, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        model.eval()
        y = model.mixer(model.before(x).relu())
        z = torch.cumsum(model.after(y), 3)
        outputs = found.module.forward_all(x, y, z)
    assert torch.equal(outputs["out"], model(x))
    assert torch.equal(outputs["into_1"], model.before(x).relu())
    assert torch.equal(outputs["into_2"], model.after(y))


@pytest.mark.parametrize(
    ("model", "code"),
    [
        ("Classes", "ARCH833"),
        ("Branching", "ARCH831"),
        ("Missing", "ARCH830"),
        ("F", "ARCH830"),
    ],
)
def test_models_that_cannot_be_lifted_are_diagnostics(model, code):
    with pytest.raises(SpecError) as caught:
        lifted(model)
    assert [d.code for d in caught.value.diagnostics] == [code]


@pytest.mark.parametrize(
    ("model", "what"),
    [
        ("Noisy", "lift it without random numbers"),
        ("Broken", "`conv.weight` has non-finite values"),
        ("Changed", "changes a part of a tensor in place (aten.fill in lifted_models.py:"),
    ],
)
def test_what_makes_outputs_incomparable_is_named(model, what):
    with pytest.raises(SpecError) as caught:
        lifted(model)
    (found,) = caught.value.diagnostics
    assert found.code == "ARCH833"
    assert what in (found.help or "")


def test_parameters_that_the_network_lacks_are_counted(capsys):
    assert run(["lift", f"{MODELS}:Spare", "--input", "3x16x16"]) == 0
    assert "252 parameters of the model are not in the network" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", ["classes=(", "classes=open('x')", "unknown=3"])
def test_arguments_are_literals_of_the_class(arguments):
    with pytest.raises(SpecError) as caught:
        lifted("UNet", arguments)
    assert [d.code for d in caught.value.diagnostics] == ["ARCH830"]


def emitted(graph) -> torch.nn.Module:
    """The module of the Python source that is emitted for a network."""
    module = types.ModuleType("emitted_network")
    sys.modules["emitted_network"] = module
    exec(compile(emit(graph), "emitted.py", "exec"), module.__dict__)
    return module.__dict__[graph.name]()


MANY_PRIMITIVES = """arch 1

import sep_conv, factorized_reduce, zoomed_conv from "std/ops.arch"

network Many {
  input image: [3, 48, 64]
  x = image -> conv(c = 12, s = 2) -> bn(affine = false) -> hswish -> sep_conv(k = 5) -> shift
  y = x -> factorized_reduce(c = 24) -> channel_shuffle(g = 4) -> scale
  z = add(y, y -> tile(c = 24) -> dropout(p = 0.2), zero(x, c = 24, s = 2), y -> relu6) -> zoomed_conv
  g = z -> global_pool -> conv(c = 24, k = 1, bias = true) -> hsigmoid
  u = mul(z, g) -> pixel_shuffle(r = 2) -> resize(like = x, mode = "nearest")
  v = concat(x -> avg_pool(k = 3), u -> silu, x -> dwconv(d = 2, bias = true)) -> max_pool(k = 2, s = 2)
  output logits = v -> conv(c = 5, g = 1) -> upsample(like = image, align_corners = true)
}
"""


@pytest.mark.parametrize("spec", [SPECS / "plain_small.arch", MANY_PRIMITIVES], ids=["plain", "many"])
def test_the_emitted_python_of_a_network_comes_back_as_that_network(spec):
    network = archdsl.load(spec).network()
    graph = network.graph
    found = lift(emitted(graph), list(graph.inputs.values()), graph.name)
    (output,) = graph.outputs
    back = canonical_text(found.network.graph).replace("output out ", f"output {output} ")
    assert back == canonical_text(graph).replace("= upsample(", "= resize(")
    if spec != MANY_PRIMITIVES:
        assert len(code_of(found.text)) <= len(code_of(emit(graph))) / 5


def test_weights_are_written_for_the_network(tmp_path, capsys):
    spec, weights = tmp_path / "shuffled.arch", tmp_path / "shuffled.safetensors"
    command = [
        "lift",
        f"{MODELS}:Shuffled",
        "--input",
        "3x32x48",
        "-o",
        str(spec),
        "--weights-out",
        str(weights),
    ]
    assert run(command) == 0
    assert "the model's" in capsys.readouterr().err
    module, _ = module_with_weights(archdsl.load(spec).network(), weights)
    x = torch.randn(1, 3, 32, 48)
    with torch.no_grad():
        expected = model_of(f"{MODELS}:Shuffled").eval()(x)["logits"]
        assert torch.allclose(module.eval()(x), expected, atol=1e-6)
