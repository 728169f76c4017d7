"""`archdsl lift` on models of public packages, where these are installed; weights are random."""

from __future__ import annotations

import inspect
import sys
from typing import Any

import pytest
import torch

from archdsl.lift.lifting import lift

SIZES = {"hidden_sizes": [16, 32, 48, 64], "depths": [2, 2, 2, 2]}


def of_transformers(config: str, model: str, **settings: Any) -> torch.nn.Module:
    package = pytest.importorskip("transformers", reason="its models are lifted where it is installed")
    return getattr(package, model)(getattr(package, config)(**settings))


def of_monai(model: str, *arguments: Any) -> torch.nn.Module:
    nets = pytest.importorskip("monai.networks.nets", reason="its models are lifted where it is installed")
    return getattr(nets, model)(*arguments)


MODELS = {
    "SegFormer": lambda: of_transformers(
        "SegformerConfig", "SegformerForSemanticSegmentation", num_labels=11, **SIZES,
        decoder_hidden_size=32, num_attention_heads=[1, 2, 3, 4],
    ),
    "MobileNetV2": lambda: of_transformers(
        "MobileNetV2Config", "MobileNetV2ForSemanticSegmentation", num_labels=11, depth_multiplier=0.5
    ),
    "ResNet": lambda: of_transformers("ResNetConfig", "ResNetModel", embedding_size=16, **SIZES),
    "RegNet": lambda: of_transformers(
        "RegNetConfig", "RegNetModel", embedding_size=16, **SIZES, groups_width=8
    ),
    "ConvNext": lambda: of_transformers("ConvNextConfig", "ConvNextModel", **SIZES),
    "UNet": lambda: of_monai("UNet", 2, 3, 11, (16, 32, 64), (2, 2), 3, 3, 2),
    "BasicUNet": lambda: of_monai("BasicUNet", 2, 3, 11, (16, 16, 32, 64, 64, 16)),
    "SegResNet": lambda: of_monai("SegResNet", 2, 8, 3, 11),
    "AttentionUnet": lambda: of_monai("AttentionUnet", 2, 3, 11, (8, 16, 32), (2, 2)),
    "PvtV2": lambda: of_transformers(
        "PvtV2Config", "PvtV2Model", hidden_sizes=[16, 32, 48, 64], depths=[1, 1, 1, 1],
        num_attention_heads=[1, 2, 4, 8], image_size=64,
    ),
    "PoolFormer": lambda: of_transformers(
        "PoolFormerConfig", "PoolFormerModel", hidden_sizes=[16, 32, 32, 48], depths=[1, 1, 2, 1]
    ),
    "MobileNetV1": lambda: of_transformers("MobileNetV1Config", "MobileNetV1Model", depth_multiplier=0.25),
    "HighResNet": lambda: of_monai("HighResNet", 2, 3, 5),
    "DenseNet": lambda: of_monai("DenseNet121", 2, 3, 5),
    "SegResNetDS": lambda: of_monai("SegResNetDS", 2, 8, 3, 5),
    "AHNet": lambda: of_monai("AHNet", (3, 4, 6, 3), 2, 3, 5, 2),
    "DynUNet": lambda: of_monai("DynUNet", 2, 3, 11, [3, 3, 3], [1, 2, 2], [2, 2], [8, 16, 32]),
}  # fmt: skip


def code_of(lines: str) -> int:
    return sum(1 for line in lines.splitlines() if line.strip() and not line.strip().startswith("#"))


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", MODELS)
def test_a_model_of_a_package_is_lifted_whole(name):
    model = MODELS[name]()
    found = lift(model, [(3, 64, 96)], name)
    assert list(found.holes) == []
    assert found.difference <= 1e-5
    unused = ("conv_1x1",)  # of MobileNetV2's encoder, which its segmentation head does not read
    used = [p.numel() for key, p in model.named_parameters() if not any(word in key for word in unused)]
    assert found.network.params == sum(used)
    python = inspect.getsource(sys.modules[type(model).__module__])
    assert code_of(found.text) <= code_of(python) / 5
