from pathlib import Path

import pytest

from tests.workshop.small_notebooks import notebook, write_series
from workshop.errors import UsageError
from workshop.notebooks.series import find_series, select

NAMES = ["00_prerequisites", "01_create_identity", "02_assign_identity", "03_grant_access"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_series(tmp_path / "notebooks", {name: notebook() for name in reversed(NAMES)})


def test_finds_the_numbered_notebooks_in_order(folder: Path) -> None:
    write_series(folder, {"scratch": notebook(), "99 mine": notebook()})
    assert [found.stem for found in find_series(folder)] == NAMES


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (None, None, NAMES),
        ("01", None, NAMES[1:]),
        (None, "1", NAMES[:2]),
        ("assign_identity", "03_grant_access.ipynb", NAMES[2:]),
        ("02", "02", NAMES[2:3]),
    ],
)
def test_selects_a_part(folder: Path, first: str | None, last: str | None, expected: list[str]) -> None:
    assert [found.stem for found in select(find_series(folder), first, last)] == expected


@pytest.mark.parametrize("wanted", ["07", "identity", "", "01_create", "../01_create_identity"])
def test_an_unknown_notebook_is_refused_with_those_there_are(folder: Path, wanted: str) -> None:
    with pytest.raises(UsageError) as refused:
        select(find_series(folder), wanted)
    assert f"no notebook '{wanted}'" in str(refused.value)
    assert all(name in str(refused.value) for name in NAMES)


def test_an_end_before_the_beginning_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="01_create_identity comes before 02_assign_identity"):
        select(find_series(folder), "02", "01")


def test_a_gap_is_refused(folder: Path) -> None:
    (folder / "01_create_identity.ipynb").unlink()
    with pytest.raises(UsageError, match="number 01 is missing"):
        find_series(folder)


def test_two_with_the_same_number_are_refused(folder: Path) -> None:
    write_series(folder, {"01_other": notebook()})
    with pytest.raises(UsageError, match="Two notebooks have the number 01"):
        find_series(folder)


def test_an_empty_or_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no notebooks"):
        find_series(tmp_path)
    with pytest.raises(UsageError, match="There is no folder"):
        find_series(tmp_path / "missing")
