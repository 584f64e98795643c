import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from nbformat import NotebookNode
from papermill.translators import PythonTranslator

from tests.workshop.small_notebooks import notebook
from workshop.errors import UsageError
from workshop.notebooks.parameters import Kind, Text, check, declared, from_file, from_options, kind_of

CELL = """\
note: str = "sandbox"  # "sandbox" or "azure"
retries: int = 3  # how often
pause: float = 0.5  # seconds
keep: bool = False
groups: list = ["a"]
tags: dict = {}
zone: Optional[str] = None
untyped = "text"
anything = None"""
DECLARED = declared(notebook(parameters=CELL))


def checked(given: dict[str, object]) -> dict[str, object]:
    return dict(check([DECLARED], given)[0])


def test_declarations_come_from_the_parameters_cell() -> None:
    assert list(DECLARED) == [line.partition(":")[0].partition(" =")[0] for line in CELL.splitlines()]
    assert DECLARED["retries"].kind == Kind("int")
    assert DECLARED["zone"].kind == Kind("str", optional=True)
    assert DECLARED["untyped"].kind == Kind("str")
    assert DECLARED["anything"].kind == Kind("any")


ODD = """\
spaced:str="x"
quoted: "int" = 3 # in quotes
old = None  # type: int  how often
lines: list = [
    1,  # one
    2,
]  # numbers
# a comment

first, second = 1, 2
"""


def test_declarations_are_those_that_papermill_finds() -> None:
    (cell,) = notebook(parameters=f"{CELL}\n{ODD}").cells
    papermills = {each.name: each for each in PythonTranslator.inspect(cell)}
    found = declared(NotebookNode(cells=[cell]))
    kinds = {name: kind_of(each.inferred_type_name, each.default) for name, each in papermills.items()}
    assert {name: each.kind for name, each in found.items()} == kinds


def test_magics_and_values_with_an_equals_sign_hide_no_declaration() -> None:
    found = declared(notebook(parameters='%matplotlib inline\ntags: str = "a=b"\n!ls\nother = 1'))
    assert [*found] == ["tags", "other"]
    assert declared(notebook(parameters="what is this")) == {}


def test_a_notebook_without_parameters_declares_none() -> None:
    assert declared(notebook("1", parameters="")) == {}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("note=azure", "azure"),
        ("note=a=b", "a=b"),
        ("note=", ""),
        ("note= x ", " x "),
        ("note=3", "3"),
        ("retries=12", 12),
        ("pause=2", 2.0),
        ("keep=true", True),
        ("keep=False", False),
        ('groups=["x", 1]', ["x", 1]),
        ('tags={"a": "b"}', {"a": "b"}),
        ("zone=", None),
        ("zone=2", "2"),
        ("untyped=5", "5"),
        ("anything=5", 5),
        ("anything=text", "text"),
        ("anything=" + "[" * 100_000, "[" * 100_000),
    ],
    ids=lambda value: str(value)[:25],
)
def test_values_on_the_command_line_are_read_by_type(option: str, value: object) -> None:
    (found,) = checked({**from_options([option])}).values()
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("retries=many", "'retries' takes a whole number, not 'many'"),
        ("retries=1.5", "'retries' takes a whole number"),
        ("pause=nan", "'pause' takes a number"),
        ("keep=yes", "'keep' takes true or false, not 'yes'"),
        ("groups=a,b", "'groups' takes a list"),
        ("tags=[]", "'tags' takes names and values"),
        ("vm=1", "no parameter 'vm'. The notebooks know: anything, groups"),
        ("client_secret=hello", "'client_secret' looks like a secret"),
        ("note=eyJhbGciOiJSUzI1NiJ9.e30.x", "'note' looks like a secret"),
    ],
)
def test_what_does_not_fit_is_refused(option: str, problem: str) -> None:
    with pytest.raises(UsageError) as refused:
        checked({**from_options([option])})
    assert problem in str(refused.value)
    assert "eyJ" not in str(refused.value)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"note": 123}, "takes text, not the number 123. Put it in quotes."),
        ({"note": True}, "takes text, not the truth value true. Put it in quotes."),
        ({"note": None}, "takes text, not nothing"),
        ({"note": ["a"]}, "takes text, not a list"),
        ({"retries": "3"}, "takes a whole number, not '3'"),
        ({"retries": True}, "takes a whole number, not the truth value true"),
        ({"pause": float("inf")}, "takes a number, not inf"),
    ],
)
def test_values_from_files_keep_their_type(value: dict[str, object], problem: str) -> None:
    with pytest.raises(UsageError) as refused:
        checked(value)
    assert problem in str(refused.value)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(UsageError) as refused:
        check([DECLARED, DECLARED], {"retries": "x", "vm": 1, "password": "p"})
    assert len(refused.value.problems) == 3


def test_each_notebook_gets_what_it_knows() -> None:
    other = declared(notebook(parameters='role: str = "Reader"'))
    assert check([DECLARED, other], {"role": Text("Owner"), "retries": 1}) == [{"retries": 1}, {"role": "Owner"}]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["target"], "not 'target'"),
        (["=x"], "not '=x'"),
        (["eyJhbGciOiJSUzI1NiJ9"], "not a value"),
        (["a=1", "a=2"], "'a' is given twice"),
    ],
)
def test_malformed_options_are_refused(options: list[str], problem: str) -> None:
    with pytest.raises(UsageError) as refused:
        from_options(options)
    assert problem in str(refused.value)


values = st.dictionaries(st.text(), st.text() | st.booleans() | st.integers() | st.lists(st.text()))


@pytest.mark.parametrize("ending", [".yaml", ".yml", ".json"])
@given(content=values)
def test_files_are_read_as_they_are_written(
    tmp_path_factory: pytest.TempPathFactory, ending: str, content: dict[str, object]
) -> None:
    path = tmp_path_factory.mktemp("parameters") / f"p{ending}"
    text = json.dumps(content) if ending == ".json" else yaml.safe_dump(content)
    path.write_text(text, "utf-8")
    assert from_file(path) == content


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("p.yaml", b"a: [", "is not YAML"),
        ("p.json", b"{", "is not JSON"),
        ("p.json", b"[" * 100_000, "is not JSON"),
        ("p.json", b'{"a": 1, "a": 2}', "'a' is there twice"),
        ("p.yaml", b"a: 1\na: 2", "'a' is there twice"),
        ("p.yaml", b"- a", "should hold names and values"),
        ("p.yaml", b"", "should hold names and values"),
        ("p.yaml", b"1: a", "should hold names and values"),
        ("p.txt", b"a: b", "should be called"),
        ("p.yaml", "a: ä".encode("utf-16"), "is not in UTF-8"),
        ("p.yaml", b"a: !!python/object:os.system x", "is not YAML"),
        ("missing.yaml", None, "cannot be read"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, name: str, content: bytes | None, problem: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError) as refused:
        from_file(tmp_path / name)
    assert problem in str(refused.value)
    assert "\n" not in str(refused.value)


@given(st.text())
def test_any_text_is_a_value_of_a_text_parameter(text: str) -> None:
    assert Kind("str").read(text) == text


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.lists(st.integers()))
def test_reading_undoes_writing(value: object) -> None:
    kind = kind_of(type(value).__name__, "")
    assert kind.read(json.dumps(value)) == value == kind.check(value)
