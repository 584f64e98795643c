"""The course's own notebooks in a batch: what is saved is what papermill's own run of them leaves."""

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest

from tests.workshop.batch.conftest import BatchFolder
from workshop.cli import main
from workshop.notebooks.outcome import flat, results_of
from workshop.notebooks.series import find_series
from workshop.paths import NOTEBOOKS
from workshop.sandbox import FreshSandbox, kernel_environment

pytestmark = pytest.mark.long
ROWS = [{"resource_group": f"contoso-{n}", "vm_name": f"vm-{n}", "identity_name": f"ID{n}-app"} for n in range(2)]


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    with FreshSandbox() as sandbox:
        yield kernel_environment(sandbox.environment)


def outputs(path: Path) -> list[Any]:
    """What a reader sees of each cell of code."""
    notebook = nbformat.read(path, 4)
    return [(cell.source, cell.execution_count, cell.outputs) for cell in notebook.cells if cell.cell_type == "code"]


def test_a_batch_saves_what_papermill_does(
    desk: BatchFolder, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write({}, ROWS)
    words = desk.words("--jobs", "1")  # for the last notebook lists what all rows have made so far
    words[words.index("--notebooks") + 1] = str(NOTEBOOKS)
    assert main(words) == 0
    for name in set(os.environ) - set(environment):
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for book in find_series():
        path = tmp_path / "stock" / book.name
        path.parent.mkdir(exist_ok=True)
        papermill.execute_notebook(book, path, ROWS[0], progress_bar=False, cwd=book.parent)
        assert outputs(desk.output / "row-0001" / book.name) == outputs(path), book.stem
    stock = results_of(nbformat.read(path, 4) for path in sorted((tmp_path / "stock").iterdir()))
    last = desk.lines()[-2:]
    assert {line["name"]: line["parameters"] for line in last} == {"row-0001": ROWS[0], "row-0002": ROWS[1]}
    assert next(line["results"] for line in last if line["name"] == "row-0001") == stock
    table = list(csv.DictReader(io.StringIO((desk.output / "results.csv").read_text("utf-8"))))
    assert [row["identity.id"].rpartition("/")[2] for row in table] == ["ID0-app", "ID1-app"]
    assert table[0]["vm_name"] == "vm-0"
    assert table[0] == {"name": "row-0001", "state": "completed"} | ROWS[0] | flat(stock)
    assert stock["identity"]["client_id"] in (desk.output / "report.html").read_text("utf-8")
    assert (desk.output / "row-0002" / "images" / "03_grant_access.svg").is_file()
    text = (desk.output / "row-0002" / "03_grant_access.ipynb").read_text("utf-8")
    assert "contoso-1" in text
    assert "contoso-0" not in text
    assert ROWS[1]["vm_name"] in text
