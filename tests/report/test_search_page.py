"""The page of a search run."""

from __future__ import annotations

import json
from pathlib import Path

import fake_run
import pytest
from reading import HOSTILE, SVG, Tags, picture, pictures, words

from archdsl.diagnostics import SpecError
from archdsl.report.search_page import search_page

DIAGRAM = (
    '<?xml version="1.0"?>\n<!DOCTYPE svg>\n<svg xmlns="http://www.w3.org/2000/svg"><title>net</title></svg>'
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = fake_run.write_run(tmp_path_factory.mktemp("run"), epochs=6, steps=5)
    return search_page(folder, "conv 3x3", DIAGRAM, fake_run.predictions(), fake_run.LEGEND)


def test_every_picture_is_well_formed_and_has_a_title(whole: str):
    found = pictures(whole)
    assert len(found) > 12
    assert all(svg.findtext(f"{SVG}title") for svg in found)


def test_tags_are_closed_in_order_and_nothing_is_fetched_or_run(whole: str):
    tags = Tags(whole)
    assert tags.open == []
    assert not {"script", "link", "iframe"} & set(tags.seen)
    assert all(link.startswith(("#", "data:")) for link in tags.links)


def test_all_decisions_are_in_the_heat_maps_and_the_chosen_framed(whole: str):
    maps = [
        svg for svg in pictures(whole) if (svg.findtext(f"{SVG}title") or "").startswith("Probabilities of")
    ]
    labels = {(svg.findtext(f"{SVG}title"), word) for svg in maps for word in words(svg)}
    for path in fake_run.decisions():
        part, _, name = path.rpartition(".")
        name, part = (path, "depths") if name == "gate" else (name, part)
        assert (f"Probabilities of {part}", name) in labels
    frames = [box for svg in maps for box in svg.iter(f"{SVG}rect") if box.get("fill") == "none"]
    assert len(frames) == len(fake_run.decisions())


def test_the_headline_says_what_was_found(whole: str):
    head = whole[: whole.index("Loss and mIoU</h2>")]
    for figure in ("2.44M", "2,441,816", "24.3G", "9.12 ms", "68.4%", "29 min 3 s", "6 epochs, 30 steps"):
        assert figure in head


def test_requirements_that_are_not_met_are_said_first(whole: str):
    head = whole[: whole.index("<h2>")]
    assert "Found: the most probable outcome of each decision." in head
    assert "Violated requirements: params &lt;= 2M." in head


def test_depths_end_where_the_gates_are(whole: str):
    depths = picture(whole, "Depth")
    assert {"hyper[1]", "hyper[2]", "hyper[3]"} <= set(words(depths))
    assert len(list(depths.iter(f"{SVG}polyline"))) == 6  # chosen and expected
    assert "Searched from epoch 11 on." in (depths.findtext(f"{SVG}desc") or "")


def test_latency_stands_before_other_costs(whole: str):
    titles = [svg.findtext(f"{SVG}title") for svg in pictures(whole)]
    latency = titles.index("Expected latency against task loss")
    assert latency < titles.index("Expected MACs against task loss")


def test_predictions_stand_beside_the_truth_under_a_legend(whole: str):
    assert whole.count("data:image/png;base64,") == 6
    assert 'alt="street 1: ground truth"' in whole
    assert "rgb(128,64,128)" in whole


def test_a_diagram_from_a_file_is_put_in_without_its_declarations(whole: str):
    assert "<title>net</title>" in whole
    assert "<?xml" not in whole
    assert whole.count("<!DOCTYPE") + whole.count("<!doctype") == 1


def test_it_says_how_to_run_it_again(whole: str):
    assert "archdsl search autortnet.arch --seed 1 --out &#x27;a b&#x27;" in whole
    for fact in ("torch 2.7.0", "5f1c", "sampler = {&quot;name&quot;", "space AutoRTNet(; classes = 11)"):
        assert fact in whole


def test_names_of_a_run_are_shown_and_never_obeyed(tmp_path: Path):
    folder = fake_run.write_run(tmp_path, epochs=2, steps=2, renamed=HOSTILE)
    page = search_page(folder, HOSTILE, "", fake_run.predictions(1, HOSTILE), [(HOSTILE, (0, 0, 0))])
    tags = Tags(page)
    assert "script" not in tags.seen
    assert tags.open == []
    assert "\x1b" not in page
    assert "&lt;script&gt;" in page
    assert len(pictures(page)) > 5


def test_a_run_that_goes_on_is_shown_as_far_as_it_is(tmp_path: Path):
    page = search_page(fake_run.write_run(tmp_path, epochs=3, ended=False))
    assert "Not finished: after epoch 3 of 30." in page
    assert "The network found so far" in page
    assert "Predictions" not in page
    assert picture(page, "Depth") is not None


def test_a_last_line_that_is_torn_is_left_out(tmp_path: Path):
    folder = fake_run.write_run(tmp_path, epochs=3, ended=False)
    before = search_page(folder)
    with (folder / "journal.jsonl").open("a") as journal:
        journal.write('{"kind": "epoch", "epoch": 3, "st')
    assert search_page(folder) == before


@pytest.mark.parametrize("journal", [None, "", '{"kind": "start", "decisions": {}, "gates": []}\n'])
def test_a_run_that_has_just_begun_has_a_page(tmp_path: Path, journal: str | None):
    folder = fake_run.write_run(tmp_path, epochs=1)
    (folder / "journal.jsonl").unlink()
    if journal is not None:
        (folder / "journal.jsonl").write_text(journal)
    page = search_page(folder)
    assert "in the first epoch" in page
    assert "nothing to show yet" in words(picture(page, "Loss"))
    assert Tags(page).open == []


def test_lines_that_are_no_records_are_counted(tmp_path: Path):
    folder = fake_run.write_run(tmp_path, epochs=2)
    lines = (folder / "journal.jsonl").read_text().splitlines(keepends=True)
    damaged = [*lines[:3], "\x00\n", '{"kind": "step", "step": 3, "epoch": 0, "loss": NaN}\n', *lines[3:]]
    (folder / "journal.jsonl").write_text("".join(damaged))
    assert "Skipped unreadable lines of the journal: 2." in search_page(folder)


def test_what_was_done_again_after_a_resume_is_shown_once(tmp_path: Path):
    folder = fake_run.write_run(tmp_path, epochs=2, steps=4, ended=False)
    lines = (folder / "journal.jsonl").read_text().splitlines(keepends=True)
    resumed = json.dumps({"kind": "resumed", "step": 4}) + "\n"
    (folder / "journal.jsonl").write_text("".join([*lines[:8], resumed, *lines[6:]]))
    page = search_page(folder)
    assert "2 epochs, 8 steps" in page
    assert "Resumed after step 4." in page


def test_a_decision_that_the_found_network_does_not_have_has_no_frame(tmp_path: Path):
    folder = fake_run.write_run(tmp_path, epochs=2)
    records = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    del records[-1]["chosen"]["merged.g_f1"]
    (folder / "journal.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    merged = picture(search_page(folder), "Probabilities of merged")
    assert sum(box.get("fill") == "none" for box in merged.iter(f"{SVG}rect")) == 6
    assert "g_f1: not used" in (merged.findtext(f"{SVG}desc") or "")


@pytest.mark.parametrize("manifest", [None, "{", '{"spec": 3}'])
def test_a_folder_without_a_run_is_refused(tmp_path: Path, manifest: str | None):
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(SpecError, match=r"cannot report on .*manifest\.json") as refused:
        search_page(tmp_path)
    assert refused.value.diagnostics[0].code == "ARCH911"
