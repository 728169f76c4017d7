"""Files and what they import."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.lang import Unit, ast, load


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "home" / "parts").mkdir(parents=True)
    return tmp_path / "home"


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(f"arch 1\n{text}\n", encoding="utf-8")
    return path


def findings(path: Path, text: str | None = None) -> tuple[Diagnostic, ...]:
    with pytest.raises(SpecError) as caught:
        load(path, text=text)
    assert all(found.primary is not None for found in caught.value.diagnostics)
    return caught.value.diagnostics


def finding(path: Path, text: str | None = None) -> Diagnostic:
    (found,) = findings(path, text)
    return found


def underlined(found: Diagnostic) -> str:
    location = found.primary.location
    return location.source.text[location.start : location.end]


def test_a_unit_holds_its_declarations_and_those_it_imports(folder: Path):
    write(folder, "ops.arch", "A = 1\nop f(x) = x")
    unit = load(write(folder, "main.arch", 'import f from "./ops.arch"\nB = 2\nspace S {}'))
    assert isinstance(unit, Unit)
    assert list(unit.declared) == ["B", "S"]
    origin, declared = unit.imported["f"]
    assert isinstance(declared, ast.Op)
    assert origin.declared["f"] is declared
    assert origin.path == (folder / "ops.arch").resolve()
    with pytest.raises(TypeError):
        unit.declared["C"] = declared  # type: ignore[index]


def test_std_names_the_shipped_library_from_everywhere(folder: Path):
    unit = load(write(folder, "main.arch", 'import conv_bn_relu from "std/ops.arch"'))
    origin, declared = unit.imported["conv_bn_relu"]
    assert isinstance(declared, ast.Op)
    assert origin.source.name == "std/ops.arch"


def test_files_of_the_library_import_their_neighbours(folder: Path):
    unit = load(write(folder, "main.arch", 'import TwoNode from "std/cells.arch"'))
    origin, _ = unit.imported["TwoNode"]
    assert {used.source.name for used, _ in origin.imported.values()} == {"std/ops.arch"}


def test_a_file_is_read_once_however_often_it_is_imported(folder: Path):
    write(folder, "a.arch", "A = 1\nAA = 2")
    write(folder, "b.arch", 'import A from "./a.arch"\nB = A')
    unit = load(write(folder, "main.arch", 'import AA from "./parts/../a.arch"\nimport B from "./b.arch"'))
    assert unit.imported["AA"][0] is unit.imported["B"][0].imported["A"][0]


def test_an_unsaved_text_stands_for_its_file(folder: Path):
    write(folder, "a.arch", "A = 1")
    unit = load(folder / "new.arch", text='arch 1\nimport A from "./a.arch"\n')
    assert list(unit.imported) == ["A"]


def test_names_in_messages_start_where_the_first_file_does(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder.parent)
    write(folder, "parts/a.arch", "A = = 1")
    write(folder, "main.arch", 'import A from "./parts/a.arch"')
    found = finding(Path("home/main.arch"))
    assert str(found.primary.location) == "home/parts/a.arch:2:5"


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../main.arch",
        "./../main.arch",
        "./parts/../../x.arch",
        "std/../autortnet.arch",
        "std",
        "std/",
        "./",
        ".",
        "",
        "ops.arch",
        "http://example.org/a.arch",
        "file:///etc/passwd",
        "C:/a.arch",
        ".\\\\a.arch",
        "~/a.arch",
    ],
)
def test_an_import_that_leads_elsewhere_is_refused(folder: Path, path: str):
    write(folder.parent, "x.arch", "A = 1")
    write(folder.parent, "main.arch", "A = 1")
    found = finding(write(folder, "main.arch", f'import A from "{path}"'))
    assert (found.code, underlined(found)) == ("ARCH010", f'"{path}"')


def test_a_link_that_leads_out_of_the_folder_tree_is_refused(folder: Path):
    outside = write(folder.parent, "outside.arch", "A = 1")
    (folder / "link.arch").symlink_to(outside)
    (folder / "linked").symlink_to(folder.parent)
    assert finding(write(folder, "main.arch", 'import A from "./link.arch"')).code == "ARCH010"
    assert finding(write(folder, "main.arch", 'import A from "./linked/outside.arch"')).code == "ARCH010"


def test_a_link_inside_the_folder_tree_is_followed(folder: Path):
    write(folder, "a.arch", "A = 1")
    (folder / "parts" / "link.arch").symlink_to(folder / "a.arch")
    unit = load(write(folder, "main.arch", 'import A from "./parts/link.arch"'))
    assert unit.imported["A"][0].path == (folder / "a.arch").resolve()


def test_an_imported_file_may_not_climb_to_the_first_ones_folder(folder: Path):
    write(folder, "secret.arch", "A = 1")
    write(folder, "parts/a.arch", 'import A from "./../secret.arch"\nB = A')
    found = finding(write(folder, "main.arch", 'import B from "./parts/a.arch"'))
    assert (found.code, found.primary.location.source.name.endswith("a.arch")) == ("ARCH010", True)


def test_a_missing_file_is_offered_one_of_a_similar_name(folder: Path):
    write(folder, "templates.arch", "A = 1")
    found = finding(write(folder, "main.arch", 'import A from "./template.arch"'))
    assert (found.code, found.help) == ("ARCH011", 'did you mean "./templates.arch"?')
    found = finding(write(folder, "main.arch", 'import A from "std/op.arch"'))
    assert (found.code, found.help) == ("ARCH011", 'did you mean "std/ops.arch"?')


@pytest.mark.parametrize("name", ["x" * 5000, "x/" * 3000 + "y", "ß" * 300])
def test_a_name_that_no_file_can_have_is_a_missing_file(folder: Path, name: str):
    found = finding(write(folder, "main.arch", f'import A from "./{name}"'))
    assert found.code == "ARCH011"
    assert len(found.headline) < 100


def test_a_link_to_the_first_file_is_followed_to_its_folder(folder: Path):
    write(folder, "a.arch", "A = 1")
    write(folder, "main.arch", 'import A from "./a.arch"')
    (folder.parent / "link.arch").symlink_to(folder / "main.arch")
    assert list(load(folder.parent / "link.arch").imported) == ["A"]


def test_links_in_a_circle_are_no_files(folder: Path):
    (folder / "a.arch").symlink_to(folder / "b.arch")
    (folder / "b.arch").symlink_to(folder / "a.arch")
    assert finding(folder / "a.arch").code == "ARCH001"
    assert finding(write(folder, "main.arch", 'import A from "./a.arch"')).code == "ARCH011"
    assert list(load(folder / "a.arch", text="arch 1\nA = 1").declared) == ["A"]


def test_a_folder_is_no_file(folder: Path):
    assert finding(write(folder, "main.arch", 'import A from "./parts"')).code == "ARCH011"
    assert finding(folder).code == "ARCH001"


def test_the_first_file_too_is_offered_one_of_a_similar_name(folder: Path):
    write(folder, "template.arch", "A = 1")
    found = finding(folder / "templat.arch")
    assert found.code == "ARCH001"
    assert "template.arch" in (found.help or "")


def test_imports_in_a_circle_are_shown_as_one(folder: Path):
    write(folder, "a.arch", 'import B from "./b.arch"\nA = 1')
    write(folder, "b.arch", 'import C from "./c.arch"\nB = 1')
    write(folder, "c.arch", 'import A from "./a.arch"\nC = 1')
    found = finding(folder / "a.arch")
    assert found.code == "ARCH012"
    assert [Path(part).name for part in (found.help or "").split(" → ")] == [
        "a.arch",
        "b.arch",
        "c.arch",
        "a.arch",
    ]
    assert found.primary.location.source.name.endswith("c.arch")


def test_a_file_that_imports_itself_is_a_circle(folder: Path):
    assert finding(write(folder, "a.arch", 'import A from "./a.arch"')).code == "ARCH012"


def test_a_name_that_is_not_there_is_offered_a_similar_one(folder: Path):
    write(folder, "ops.arch", "op conv_bn_relu(x) = x")
    found = finding(write(folder, "main.arch", 'import conv_bn_rleu from "./ops.arch"'))
    assert (found.code, underlined(found)) == ("ARCH013", "conv_bn_rleu")
    assert found.help == "did you mean `conv_bn_relu`?"


def test_names_are_not_passed_on_but_said_to_be_elsewhere(folder: Path):
    write(folder, "a.arch", "A = 1")
    write(folder, "b.arch", 'import A from "./a.arch"\nB = A')
    found = finding(write(folder, "main.arch", 'import A from "./b.arch"'))
    assert found.code == "ARCH013"
    assert "a.arch" in (found.help or "")


@pytest.mark.parametrize(
    ("text", "headline"),
    [
        ("A = 1\nop A(x) = x", "`A` is declared twice"),
        ('import A from "./a.arch"\nimport A from "./a.arch"', "`A` is imported twice"),
        ('import A, A from "./a.arch"', "`A` is imported twice"),
    ],
)
def test_a_name_has_one_meaning_and_both_places_are_shown(folder: Path, text: str, headline: str):
    write(folder, "a.arch", "A = 1")
    found = finding(write(folder, "main.arch", text))
    assert (found.code, found.headline, underlined(found)) == ("ARCH014", headline, "A")
    (first,) = found.secondary
    assert first.text == "first defined here"
    assert first.location.start < found.primary.location.start


def test_what_a_file_declares_hides_what_it_imports(folder: Path):
    write(folder, "a.arch", "A = 1")
    unit = load(write(folder, "main.arch", 'import A from "./a.arch"\nA = 2'))
    assert unit.declared["A"].span[0] > 0
    assert unit.imported["A"][0].source.name.endswith("a.arch")


def test_mistakes_of_several_files_are_collected(folder: Path):
    write(folder, "a.arch", "A = = 1")
    write(folder, "b.arch", "B = one of 3")
    found = findings(
        write(
            folder,
            "main.arch",
            'import A from "./a.arch"\nimport B from "./b.arch"\nimport C from "./c.arch"\nD = 3\nD = 4',
        )
    )
    assert sorted(d.code for d in found) == ["ARCH011", "ARCH014", "ARCH100", "ARCH106"]


def test_a_file_with_mistakes_that_is_imported_twice_is_reported_once(folder: Path):
    write(folder, "a.arch", "A = = 1")
    write(folder, "b.arch", 'import A from "./a.arch"\nB = 1')
    found = finding(write(folder, "main.arch", 'import A from "./a.arch"\nimport B from "./b.arch"'))
    assert found.code == "ARCH100"


def test_a_long_row_of_imports_is_refused(folder: Path):
    write(folder, "f0.arch", "A0 = 1")
    for number in range(1, 22):
        write(folder, f"f{number}.arch", f'import A{number - 1} from "./f{number - 1}.arch"\nA{number} = 1')
    assert list(load(folder / "f20.arch").declared) == ["A20"]
    assert finding(folder / "f21.arch").code == "ARCH705"


def test_a_great_many_imports_are_refused(folder: Path):
    for number in range(120):
        write(folder, f"f{number}.arch", f"A{number} = 1")

    def importing(count: int) -> Path:
        imports = "\n".join(f'import A{number} from "./f{number}.arch"' for number in range(count))
        return write(folder, "main.arch", imports)

    assert len(load(importing(99)).imported) == 99
    assert {d.code for d in findings(importing(100))} == {"ARCH704"}


def test_a_file_that_is_no_text_is_refused_at_the_byte(folder: Path):
    path = folder / "latin.arch"
    path.write_bytes("arch 1\n# für\n".encode("latin-1"))
    found = finding(path)
    assert (found.code, str(found.primary.location)) == ("ARCH002", f"{path}:2:4")
    assert found.primary.text == "byte 0xfc"


def test_a_byte_order_mark_does_no_harm(folder: Path):
    path = folder / "marked.arch"
    path.write_bytes(b"\xef\xbb\xbfarch 1\nA = 1\n")
    assert list(load(path).declared) == ["A"]


def test_a_large_file_is_refused_without_being_read_whole(folder: Path):
    path = folder / "large.arch"
    with path.open("wb") as stream:
        stream.write(b"arch 1\n")
        stream.truncate(10_000_000_000)
    assert finding(path).code == "ARCH701"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_an_import_never_waits_for_a_pipe(folder: Path):
    os.mkfifo(folder / "pipe.arch")
    assert finding(write(folder, "main.arch", 'import A from "./pipe.arch"')).code == "ARCH011"
