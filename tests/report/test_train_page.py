"""The page of a training run."""

from __future__ import annotations

from pathlib import Path

import fake_run
from reading import HOSTILE, Tags, picture, pictures, words

from archdsl.report.train_page import train_page


def test_scores_are_told_with_the_iou_of_each_class_that_has_one(tmp_path: Path):
    page = train_page(fake_run.write_training(tmp_path))
    assert "Training of Found" in page
    assert "best mIoU" in page
    assert "66.5%" in page
    classes = words(picture(page, "IoU on the validation images"))
    assert {"road", "sky"} <= set(classes)
    assert "car" not in classes


def test_classes_without_names_are_numbered(tmp_path: Path):
    folder = fake_run.write_training(tmp_path)
    manifest = (
        (folder / "manifest.json").read_text().replace('"classes": ["road", "sky", "car"]', '"classes": []')
    )
    (folder / "manifest.json").write_text(manifest)
    assert "class 1" in words(picture(train_page(folder), "IoU on the validation images"))


def test_a_training_without_a_score_yet_has_a_page(tmp_path: Path):
    page = train_page(fake_run.write_training(tmp_path, epochs=0))
    assert "nothing to show yet" in words(picture(page, "Loss"))
    assert Tags(page).open == []


def test_names_of_a_training_are_never_obeyed(tmp_path: Path):
    page = train_page(fake_run.write_training(tmp_path, renamed=HOSTILE), HOSTILE)
    assert "script" not in Tags(page).seen
    assert len(pictures(page)) == 4
