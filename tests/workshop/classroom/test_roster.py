"""Rosters as they come, out of spreadsheets, with accents, twice the same and half empty; and who gets which names."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workshop.classroom.lesson import class_of, learner
from workshop.classroom.classroom import Classroom
from workshop.classroom.roster import PATTERNS, Entry, class_name, handle_of, make_learners, read_roster
from workshop.errors import UsageError

GUID = "11111111-2222-3333-4444-555555555555"


def roster(tmp_path: Path, text: str, encoding: str = "utf-8") -> list[Entry]:
    path = tmp_path / "friday.csv"
    path.write_bytes(text.encode(encoding))
    return read_roster(path)[0]


def problems(tmp_path: Path, text: str, encoding: str = "utf-8") -> list[str]:
    with pytest.raises(UsageError) as refused:
        roster(tmp_path, text, encoding)
    return list(refused.value.problems)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_spreadsheets_write_it_in_many_ways(tmp_path: Path, encoding: str, delimiter: str, end: str) -> None:
    lines = ["E-mail,Name", "a@contoso.com,Ada Lovelace", "", "j@contoso.com, José  Álvarez ", ",,"[:1]]
    found = roster(tmp_path, end.join(lines).replace(",", delimiter) + end, encoding)
    assert [(each.name, each.handle) for each in found] == [
        ("Ada Lovelace", "ada-lovelace"),
        ("José Álvarez", "jose-alvarez"),
    ]


def test_quoted_fields_may_hold_the_delimiter(tmp_path: Path) -> None:
    assert roster(tmp_path, 'name,note\n"Lovelace, Ada","a ""note"""\n')[0].handle == "lovelace-ada"


def test_who_somebody_is_in_entra(tmp_path: Path) -> None:
    text = f"name,object-id,Principal Type\nAda,{GUID.upper()},\nRobot,{GUID.replace('1', '9')},serviceprincipal\n"
    first, second = roster(tmp_path, text)
    assert (first.object_id, first.principal_type) == (GUID, "User")
    assert second.principal_type == "ServicePrincipal"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name\n", ["has no learners"]),
        ("", ["has no learners"]),
        ("Ada\nGrace\n", ["has no column 'name'"]),
        ("name,name\nAda,Ada\n", ["two columns 'name'"]),
        ("name,email\nAda\nGrace,g,h\n", ["line 2: 1 field for 2 headings.", "line 3: 3 fields"]),
        ("name\nAda\nada\n", ["line 3: 'ada' is on line 2 already"]),
        ("name\nJosé\nJose\n", ["line 3: the handle 'jose' of 'Jose' is on line 2 already. Give one of them another"]),
        ("name\n李雷\n", ["line 2: no name for Azure can be made of '李雷'"]),
        ("name,handle\nAda,Ada!\n", ["line 2: the handle 'Ada!' is not allowed"]),
        ("name,handle\n,ada\n", ["line 2: the name is missing"]),
        (
            "name,handle\nAda,ada\nAda,ada\nEve,!\nAda,ada\n",
            ["line 3: 'Ada'", "line 4: the handle '!'", "line 5: 'Ada'"],
        ),
        ("name\nTrainer\n", ["line 2: 'trainer' is the trainer's own sign-in"]),
        ("name,object_id\nAda,ada@contoso.com\n", ["line 2: the object_id 'ada@contoso.com' is not a GUID"]),
        (f"name,object_id\nAda,{GUID}\nGrace,{GUID}\n", ["line 3: the object_id is that of 'Ada' on line 2"]),
        ("name,principal_type\nAda,Robot\n", ["line 2: the principal_type 'Robot' is none of User,"]),
        ("name,handle\nAda,Ada!\nGrace\n", ["line 2: the handle 'Ada!'", "line 3: 1 field for 2 headings."]),
        ('name\n"Ada\n', ["line 2: A quotation mark is opened here and never closed."]),
        ('name\n"Ada" L.\nGrace\n"Eve" M.\n', ["line 2: Something follows a closing", "line 4: Something follows"]),
    ],
)
def test_all_that_is_wrong_is_told_at_once(tmp_path: Path, text: str, expected: list[str]) -> None:
    found = problems(tmp_path, text)
    assert len(found) == len(expected)
    assert all(part in problem for part, problem in zip(expected, found, strict=True)), found


@pytest.mark.parametrize(
    ("encoding", "taken"),
    [("utf-8", "utf-8-sig"), ("utf-16", "utf-16"), ("latin-1", "cp1252"), ("cp1252", "cp1252")],
)
def test_other_encodings_are_read_and_named(tmp_path: Path, encoding: str, taken: str) -> None:
    path = tmp_path / "friday.csv"
    path.write_bytes("name\r\nJosé Álvarez\r\n".encode(encoding))
    entries, encoding = read_roster(path)
    assert ([each.name for each in entries], encoding) == (["José Álvarez"], taken)


@pytest.mark.parametrize("content", ["name\nJosé\n".encode("utf-16-le"), b"\xff\xfen"])
def test_what_cannot_be_told_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "friday.csv").write_bytes(content)
    with pytest.raises(UsageError, match=r"friday\.csv is"):
        read_roster(tmp_path / "friday.csv")


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"'])
def test_excels_own_first_line_names_the_separator(tmp_path: Path, first: str) -> None:
    found = roster(tmp_path, f"{first}\r\nname;note, and more\r\nAda, the first;x\r\n")
    assert [(each.name, each.line) for each in found] == [("Ada, the first", 3)]


def test_a_cell_may_have_line_breaks(tmp_path: Path) -> None:
    found = roster(tmp_path, 'name,note\r\n"Ada\r\nLovelace","one\n\ntwo"\r\nGrace,\r\n')
    assert [each.name for each in found] == ["Ada Lovelace", "Grace"]


def test_headings_of_another_language_are_shown(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "Vorname;Nachname;E-Mail\nAda;Lovelace;a@contoso.com\n")
    assert "its first line has 'Vorname', 'Nachname', 'E-Mail'" in problem


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_roster(tmp_path / "absent.csv")


@pytest.mark.parametrize(
    ("name", "handle"),
    [
        ("Ada Lovelace", "ada-lovelace"),
        ("Siân O'Brien-Jones", "sian-obrien-jones"),
        ("  Åse  Ø. ", "ase-o"),
        ("Łukasz Đorđević", "lukasz-dordevic"),
        ("Þóra Ægisdóttir", "thora-aegisdottir"),
        ("Jürgen Groß", "jurgen-gross"),
        ("Iş\N{LATIN SMALL LETTER DOTLESS I}l Œuvre", "isil-oeuvre"),
        ("x" * 40, "x" * 24),
        ("李雷", ""),
    ],
)
def test_handles_are_made_of_names(name: str, handle: str) -> None:
    assert handle_of(name) == handle


@given(
    st.lists(st.text(st.characters(categories=("L", "N", "P", "Z")), min_size=1, max_size=30), min_size=1, max_size=8)
)
def test_whatever_names_there_are_each_learner_has_a_handle_or_a_problem(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    text = io.StringIO()
    csv.writer(text).writerows([["name"], *([name] for name in names)])
    path.write_text(text.getvalue(), "utf-8", newline="")
    try:
        entries, _ = read_roster(path)
    except UsageError as refused:
        assert refused.problems
        return
    handles = [entry.handle for entry in entries]
    assert len(set(handles)) == len(handles)
    assert all(handle and len(handle) <= 24 and handle.isascii() for handle in handles)


GUID = "11111111-2222-3333-4444-555555555555"


def entry(name: str, handle: str, object_id: str = "") -> Entry:
    return Entry(2, name, handle, object_id, "User")


ENTRIES = [entry("Ada Lovelace", "ada"), entry("Grace Hopper", "grace")]


def test_each_learner_has_a_group_a_machine_and_an_identity() -> None:
    first, second = make_learners("friday", ENTRIES, PATTERNS, "sandbox")
    assert (first.resource_group, first.vm_name, first.identity_name) == ("friday-ada", "vm-ada", "id-ada")
    assert (second.number, second.principal_type, second.object_id) == (2, "ServicePrincipal", "")


def test_patterns_make_other_names() -> None:
    patterns = {"resource_group": "rg-{class}-{number}", "vm_name": "myVM", "identity_name": "ID1"}
    found = make_learners("friday", ENTRIES, patterns, "sandbox")
    assert [each.resource_group for each in found] == ["rg-friday-01", "rg-friday-02"]
    assert {each.identity_name for each in found} == {"ID1"}


@pytest.mark.parametrize("pattern", ["{name}", "{handle.upper}", "{handle[0]}", "{0}", "{", "{}"])
def test_a_pattern_that_cannot_be_used_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError, match=r"--vm-name .* cannot be used"):
        make_learners("friday", ENTRIES, PATTERNS | {"vm_name": pattern}, "sandbox")


def test_groups_have_to_differ_and_names_to_be_azures() -> None:
    with pytest.raises(UsageError, match="a group of their own"):
        make_learners("friday", ENTRIES, PATTERNS | {"resource_group": "{class}"}, "sandbox")
    with pytest.raises(UsageError) as refused:
        make_learners(
            "friday", ENTRIES, PATTERNS | {"resource_group": "{handle}.", "identity_name": "?{handle}"}, "sandbox"
        )
    assert len(refused.value.problems) == 4


def test_on_azure_learners_are_who_the_roster_says() -> None:
    with pytest.raises(UsageError, match="Grace Hopper has no object_id"):
        make_learners("friday", [entry("Ada", "ada", GUID), ENTRIES[1]], PATTERNS, "azure")
    (ada,) = make_learners("friday", [entry("Ada", "ada", GUID)], PATTERNS, "azure")
    assert (ada.object_id, ada.principal_type) == (GUID, "User")


def test_numbers_stay_when_others_come_and_go() -> None:
    before = make_learners("friday", ENTRIES, PATTERNS, "sandbox")
    now = make_learners("friday", [entry("Lin", "lin"), ENTRIES[1]], PATTERNS, "sandbox", before)
    assert [(each.handle, each.number) for each in now] == [("lin", 3), ("grace", 2)]


def test_a_class_is_named_after_its_roster() -> None:
    assert class_name(None, "Friday 6 March") == "friday-6-march"
    assert class_name("intro", "friday") == "intro"
    for bad in ("Intro", "a b", "", "-a", "x" * 41, "a.b"):
        with pytest.raises(UsageError, match="cannot be the name of a class"):
            class_name(bad, "friday")


def test_learners_are_found_by_a_part_of_their_name() -> None:
    classroom = class_of([learner(), learner(2, "ada-byron", "Ada Byron"), learner(3, "grace", "Grace Hopper")])
    assert {classroom.search(who).number for who in ("GRACE", "hopper", " grace  hopper ")} == {3}
    assert classroom.search("ada byron").number == 2
    with pytest.raises(UsageError, match=r"may be Ada Lovelace \(ada-lovelace\) or Ada Byron"):
        classroom.search("Ada")
    for nobody in ("lin", ""):
        with pytest.raises(UsageError, match="There is no"):
            classroom.search(nobody)


MARIAS = class_of([learner(1, "m1", "Maria"), learner(2, "maria", "Maria Smith")])


def test_a_handle_is_nobody_elses_name() -> None:
    assert MARIAS.learner("maria").name == MARIAS.search("maria").name == "Maria Smith"
    assert MARIAS.learner("m1").name == "Maria"


@pytest.mark.parametrize("who", ["Maria", "Maria Smith", "mari", "MARIA", "maria ", ""])
def test_nothing_but_a_handle_is_a_handle(who: str) -> None:
    with pytest.raises(UsageError, match=r"no learner with the handle .* Is it Maria \(m1\) or|Is it Maria Smith"):
        MARIAS.learner(who)


def test_a_search_asks_who_is_meant() -> None:
    with pytest.raises(UsageError, match=r"may be Maria \(m1\) or Maria Smith \(maria\)\. Which one"):
        MARIAS.search("Maria")
    assert MARIAS.search("smith").handle == "maria"


def test_a_class_survives_being_kept() -> None:
    classroom = dataclasses.replace(class_of([learner()]), vm_size="Standard_B2s")
    assert Classroom.from_json(json.loads(json.dumps(dataclasses.asdict(classroom)))) == classroom
