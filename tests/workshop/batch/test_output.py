"""Where executed notebooks are saved."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from papermill.iorw import papermill_io

from workshop.batch.output import LocalOutput, RemoteOutput, open_output
from workshop.batch.task import NotebookResult
from workshop.errors import UsageError, WorkshopError

NOTEBOOK = NotebookResult("00_a", "{}", 1.0, "", "")
QUERY = "sp=rcw&sig=abcdefgh"


class Shelf:
    """What papermill can write to: a handler that fails as it is told."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.listed: list[str] = []
        self.written: dict[str, str] = {}

    def listdir(self, path: str) -> list[str]:
        self.listed.append(path)
        if self.error:
            raise self.error
        return []

    def write(self, text: str, path: str) -> None:
        if self.error:
            raise self.error
        self.written[path] = text


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    handlers: list[Any] = papermill_io._handlers
    made = Shelf()
    papermill_io.register("shelf://", made)
    yield made
    handlers.remove(("shelf://", made))


def test_a_notebook_that_cannot_be_saved_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "row").write_text("in the way")
    with pytest.raises(WorkshopError, match="cannot be written"):
        LocalOutput(tmp_path).save("row", NOTEBOOK)
    assert [path.name for path in tmp_path.iterdir()] == ["row"]


def test_an_address_has_its_query_behind_each_name(shelf: Shelf) -> None:
    output = open_output(f"shelf://box/?{QUERY}")
    output.save("row 1", NOTEBOOK)
    assert shelf.written == {f"shelf://box/row 1/00_a.ipynb?{QUERY}": "{}"}
    assert len(shelf.listed) == 1
    assert output.warning == ""


@pytest.mark.parametrize("error", [FileNotFoundError("nothing there"), None])
def test_an_address_with_nothing_at_it_is_good(shelf: Shelf, error: Exception | None) -> None:
    shelf.error = error
    assert open_output(f"shelf://box?{QUERY}").warning == ""


@pytest.mark.parametrize("error", [PermissionError("no"), RuntimeError(f"shelf://box/x?{QUERY}: 403"), KeyError("x")])
def test_what_speaks_against_an_address_is_said(shelf: Shelf, error: Exception) -> None:
    shelf.error = error
    warning = open_output(f"shelf://box?{QUERY}").warning
    assert f"shelf://box may not be usable, for it cannot be listed: {type(error).__name__}" in warning
    assert "abcdefgh" not in warning


def test_an_address_that_does_not_take_a_notebook_is_named_without_its_query(shelf: Shelf) -> None:
    output = open_output(f"shelf://box?{QUERY}")
    shelf.error = RuntimeError(f"403 for {QUERY}")
    with pytest.raises(WorkshopError, match=r"shelf://box/row/00_a\.ipynb cannot be written: RuntimeError") as caught:
        output.save("row", NOTEBOOK)
    assert "abcdefgh" not in str(caught.value)


@pytest.mark.parametrize("make", [RemoteOutput, open_output])
def test_what_papermill_lacks_for_an_address_is_said(make: Callable[[str], object]) -> None:
    with pytest.raises(UsageError, match="papermill cannot write to s3://bucket"):
        make("s3://bucket/folder?sig=abcdefgh")
