from __future__ import annotations

from typing import Any

import nbformat
from nbformat import NotebookNode

from tests.workshop.small_notebooks import code, markdown, notebook
from workshop.notebooks.outcome import flat, results_of

SCRAP = "application/scrapbook.scrap.json+json"


def saving(name: str, data: Any) -> NotebookNode:
    cell = code("show()")
    scrap = {"name": name, "data": data, "encoder": "json", "version": 1}
    cell.outputs = [
        nbformat.v4.new_output("stream", text="a line"),
        nbformat.v4.new_output("display_data", {"text/plain": "'x'"}),
        nbformat.v4.new_output("display_data", {SCRAP: scrap, "text/plain": "x"}),
    ]
    return notebook(markdown("# Text"), cell)


def test_results_of_all_notebooks_come_by_name_and_the_last_of_a_name_counts() -> None:
    nodes = [saving("identity", {"id": "1"}), notebook("1"), saving("vm", [1, 2]), saving("identity", {"id": "2"})]
    assert results_of(nodes) == {"identity": {"id": "2"}, "vm": [1, 2]}


def test_they_are_flat_as_columns() -> None:
    results = {"identity": {"id": "a", "tags": {"made-by": "b"}}, "ids": ["c", "d"], "none": None, "yes": True}
    assert flat(results) == {
        "identity.id": "a",
        "identity.tags.made-by": "b",
        "ids": '["c", "d"]',
        "none": "null",
        "yes": "true",
    }
