"""Files of weights: of which network they are, and what happens to those of another."""

from __future__ import annotations

from pathlib import Path

import pytest
import small
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from archdsl.diagnostics import SpecError
from archdsl.train.weights import SPEC, copy_weights, load_weights, network_hash, read_metadata, save_weights


def written(path: Path, half: bool = False, **settings: object) -> torch.nn.Module:
    torch.manual_seed(0)
    network = small.network(**settings)
    module = network.module()
    save_weights(path, module, {SPEC: network_hash(network), "name": network.name, "licence": "MIT"}, half)
    return module


def test_weights_come_back_with_what_was_said_of_them(tmp_path: Path):
    path = tmp_path / "weights.safetensors"
    module, other = written(path), small.network().module()
    metadata = load_weights(path, other, network_hash(small.network()))
    assert metadata == read_metadata(path)
    assert (metadata["name"], metadata["licence"]) == ("Small", "MIT")
    assert all(torch.equal(v, other.state_dict()[k]) for k, v in module.state_dict().items())


def test_the_same_weights_make_the_same_file(tmp_path: Path):
    for name in ("a", "b", "c"):
        written(tmp_path / name)
    assert len({(tmp_path / name).read_bytes() for name in ("a", "b", "c")}) == 1


def test_halves_take_half_the_room_and_are_read_into_a_module_of_whole_numbers(tmp_path: Path):
    path = tmp_path / "weights.safetensors"
    module = written(path, half=True, width=64)
    size = path.stat().st_size
    other = small.network(width=64).module()
    load_weights(path, other, None)
    written(path, width=64)
    assert size < 0.6 * path.stat().st_size
    for name, tensor in module.state_dict().items():
        found = other.state_dict()[name]
        assert found.dtype == tensor.dtype
        torch.testing.assert_close(found, tensor, rtol=1e-3, atol=1e-6)


def test_numbers_beyond_the_range_of_halves_are_kept_whole(tmp_path: Path):
    path, module = tmp_path / "weights.safetensors", small.network().module()
    module.b_bn.running_var.fill_(1e6)
    save_weights(path, module, {}, half=True)
    other = small.network().module()
    load_weights(path, other, None)
    assert (other.b_bn.running_var == 1e6).all()


def test_the_hash_of_a_network_does_not_depend_on_the_size_of_its_image():
    hashes = {network_hash(small.network(image=size)) for size in ((3, 16, 24), (3, 360, 480))}
    assert len(hashes) == 1
    assert network_hash(small.network(p=0.5)) not in hashes


def test_weights_of_another_network_are_refused_with_what_differs(tmp_path: Path):
    path = tmp_path / "weights.safetensors"
    written(path, width=7)
    with pytest.raises(SpecError, match="ARCH913") as caught:
        load_weights(path, small.network().module(), network_hash(small.network()))
    help = str(caught.value.diagnostics[0].help)
    assert (
        "`a_conv_bn_relu_conv.weight` is 7 × 3 × 3 × 3 in the file and 6 × 3 × 3 × 3 in the network"
    ) in help


def test_weights_that_fit_but_are_of_another_spec_are_refused(tmp_path: Path):
    path = tmp_path / "weights.safetensors"
    written(path, p=0.5)
    with pytest.raises(SpecError, match="ARCH913") as caught:
        load_weights(path, small.network().module(), network_hash(small.network()))
    assert "all tensors match" in str(caught.value.diagnostics[0].help)


def test_weights_that_were_refused_have_changed_nothing(tmp_path: Path):
    path, module = tmp_path / "weights.safetensors", small.network(width=7).module()
    written(path)
    before = {k: v.clone() for k, v in module.state_dict().items()}
    with pytest.raises(SpecError):
        load_weights(path, module, None)
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.99])
def test_a_file_that_ends_too_early_is_said_to(share: float, tmp_path: Path):
    path = tmp_path / "weights.safetensors"
    module = written(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(SpecError, match="ARCH914"):
        load_weights(path, module, None)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", ["a_conv_bn_relu_conv.weight", "b_bn.running_var"])
def test_weights_that_are_not_finite_are_refused(name: str, value: float, tmp_path: Path):
    path, module = tmp_path / "weights.safetensors", small.network().module()
    module.state_dict()[name].flatten()[-1] = value
    save_weights(path, module, {SPEC: network_hash(small.network())})
    with pytest.raises(SpecError, match=f"ARCH934.*{name}"):
        load_weights(path, small.network().module(), None)
    with pytest.raises(SpecError, match="ARCH934"):
        copy_weights(path, tmp_path / "copy.safetensors")


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 7), st.booleans())
def test_no_changed_bit_of_a_file_of_weights_goes_unnoticed(tmp_path_factory, at: int, bit: int, front: bool):
    path = tmp_path_factory.getbasetemp() / "bits.safetensors"
    written(path)
    data = bytearray(path.read_bytes())
    length = int.from_bytes(data[:8], "little") + 8
    at %= length if front else len(data)
    data[at] ^= 1 << bit
    path.write_bytes(data)
    with pytest.raises(SpecError, match="ARCH91"):
        load_weights(path, small.network().module(), None)


@pytest.mark.parametrize("name", ["archdsl_sha256", "archdsl_weights"])
def test_a_file_of_weights_that_lost_one_of_its_two_marks_is_refused(name: str, tmp_path: Path):
    path = tmp_path / "weights.safetensors"
    module = written(path)
    path.write_bytes(path.read_bytes().replace(name.encode(), name[::-1].encode(), 1))
    with pytest.raises(SpecError, match=r"ARCH914.*checksum"):
        load_weights(path, module, None)


def test_weights_that_were_changed_on_purpose_are_read_without_both_marks(tmp_path: Path):
    path = tmp_path / "weights.safetensors"
    module = written(path)
    save_file(module.state_dict(), path, read_metadata(path))
    assert read_metadata(path)[SPEC] == network_hash(small.network())


def test_files_of_others_which_have_no_checksum_are_read(tmp_path: Path):
    path, module = tmp_path / "weights.safetensors", small.network().module()
    save_file(module.state_dict(), path, {"name": "theirs"})
    assert load_weights(path, small.network().module(), None)["name"] == "theirs"


def test_weights_that_are_not_there_are_reported_with_what_is(tmp_path: Path):
    written(tmp_path / "weights.safetensors")
    with pytest.raises(SpecError, match=r"ARCH715.*no such file") as refused:
        load_weights(tmp_path / "weigths.safetensors", small.network().module(), None)
    assert "did you mean" in (refused.value.diagnostics[0].help or "")


def test_whole_numbers_are_not_taken_for_weights(tmp_path: Path):
    path, module = tmp_path / "weights.safetensors", small.network().module()
    save_file({name: tensor.int() for name, tensor in module.state_dict().items()}, path)
    with pytest.raises(SpecError, match="ARCH913"):
        load_weights(path, small.network().module(), None)
