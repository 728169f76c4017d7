"""Scoring: at the labels' own size, whatever size the network can take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import small
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from archdsl.diagnostics import SpecError
from archdsl.runs.events import scalars
from archdsl.train.evaluation import fitting, logits_of
from archdsl.train.overlay import any_colours, numbers, overlay
from scored import score


class Unet(nn.Module):
    """Takes sizes that are multiples of 16 only."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 3, 16, stride=16)

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        return x_BCHW + F.interpolate(self.down(x_BCHW), scale_factor=16.0)


class Quarter(nn.Module):
    """Logits at a quarter of the size: the means of the channels."""

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        return F.avg_pool2d(x_BCHW, 4)


def test_a_network_is_asked_for_sizes_without_computing():
    weights = (module := Unet()).down.weight.clone()
    assert fitting(module, (32, 48)) == (32, 48)
    assert fitting(module, (33, 50)) == (48, 64)
    assert torch.equal(module.down.weight, weights)
    assert fitting(nn.Conv2d(1, 1, 1), (32, 32)) is None


def test_logits_are_cut_back_to_the_size_of_the_image():
    module, image_B3HW = Unet().eval(), torch.randn(1, 3, 20, 33)
    found = logits_of(module, image_B3HW, (32, 48))
    assert found.shape == (1, 3, 20, 33)
    padded = torch.zeros(1, 3, 32, 48)
    padded[..., :20, :33] = image_B3HW
    assert torch.equal(found, module(padded)[..., :20, :33])


def test_scores_are_of_logits_upsampled_to_the_labels_and_leave_out_what_is_not_labelled():
    data = small.Stripes(4)
    found = score(Quarter(), data, small.ONE)
    expected = np.zeros((3, 3), int)
    for i in range(len(data)):
        image = torch.from_numpy(data[i].image / 255.0).permute(2, 0, 1)
        mean, std = (torch.tensor(x)[:, None, None] for x in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
        logits = F.interpolate(
            F.avg_pool2d(((image - mean) / std)[None], 4), (16, 24), mode="bilinear", align_corners=False
        )
        for guess, true in zip(logits.argmax(1).flatten().tolist(), data[i].mask.flatten(), strict=True):
            if true != 255:
                expected[true, guess] += 1
    assert found.matrix.tolist() == expected.tolist()


def test_images_of_another_size_than_the_labels_are_scored_at_that_of_the_labels():
    assert score(Quarter(), small.Stripes(2), small.ONE, size=(64, 96)).matrix.sum() == sum(
        (small.Stripes(2)[i].mask != 255).sum() for i in range(2)
    )


def test_scoring_leaves_a_network_in_the_mode_that_it_was_in():
    module = small.network().module().train()
    before = {k: v.clone() for k, v in module.state_dict().items()}
    score(module, small.Stripes(2), small.ONE)
    assert module.training
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())


def test_a_network_that_takes_no_such_image_is_refused():
    with pytest.raises(SpecError, match="ARCH918"):
        score(nn.Conv2d(1, 1, 1), small.Stripes(1), small.ONE)


def test_an_overlay_tints_each_class_and_lists_those_that_are_there():
    image = np.full((60, 80, 3), 100, np.uint8)
    classes = np.zeros((60, 80), int)
    classes[:, 40:] = 2
    page = np.asarray(overlay(image, classes, ["a", "b", "c"], [(255, 0, 0), (0, 255, 0), (0, 0, 255)], 0.5))
    assert page[30, 10].tolist() == [178, 50, 50]
    assert page[30, 70].tolist() == [50, 50, 178]
    legend = {tuple(colour) for colour in page[:, 80:].reshape(-1, 3).tolist()}
    assert {(255, 0, 0), (0, 0, 255)} <= legend
    assert (0, 255, 0) not in legend


def legend(names: list[str]) -> np.ndarray:
    classes = np.arange(len(names))[:, None].repeat(40, 1).repeat(20, 0)
    page = overlay(np.zeros((*classes.shape, 3), np.uint8), classes, names, any_colours(len(names)))
    return np.asarray(page)[:, 40 + 22 :]


def test_names_in_any_script_are_drawn_or_escaped_and_never_as_the_same_boxes():
    names = ["道路", "天空", "дорога", "Straße", "الطريق", "सड़क", "\U0001f6e3", "a\tb"]
    shown = legend(names)
    rows = [shown[4 + 18 * n : 22 + 18 * n].tobytes() for n in range(len(names))]
    assert len(set(rows)) == len(names)


def test_characters_without_a_glyph_are_escaped(monkeypatch):
    monkeypatch.setattr("archdsl.train.overlay._FONTS", ())
    assert (legend(["道路", "a\tb"]) == legend(["\\u9053\\u8def", "a\\tb"])).all()


def test_a_legend_is_as_wide_as_its_names_up_to_a_limit():
    narrow, wide, endless = (legend([name, "b"]).shape[1] for name in ("a", "a" * 25, "a" * 5000))
    assert narrow < wide < endless < 400


def test_a_picture_of_numbers_holds_the_numbers_and_shows_the_colours():
    classes = np.array([[0, 1], [2, 1]])
    picture = numbers(classes, [(1, 2, 3), (4, 5, 6), (7, 8, 9)])
    assert np.asarray(picture).tolist() == classes.tolist()
    assert picture.convert("RGB").getpixel((0, 1)) == (7, 8, 9)


def test_colours_for_classes_without_any_are_all_different():
    assert len(set(any_colours(40))) == 40


def test_metrics_for_tensorboard_are_written_where_it_is_installed_and_else_nothing_is(tmp_path: Path):
    scalars(tmp_path / "events")("loss", 0.5, 1)
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        assert not (tmp_path / "events").exists()
    else:
        assert list((tmp_path / "events").iterdir())
