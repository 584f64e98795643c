import re
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from nbformat import NotebookNode

from tests.workshop.small_notebooks import code, markdown, notebook, text_of
from workshop.notebooks.cleaning import Findings, Paths, clean, redact
from workshop.notebooks.secrets import REDACTED, Secrets
from workshop.paths import ROOT

TOKEN = "eyJ0eXAiOiJKV1QifQ.eyJhdWQiOiJ4In0.c2lnbmF0dXJl"


def executed(*outputs: NotebookNode) -> NotebookNode:
    node = notebook(markdown("# Title"), "print(1)")
    node.cells[-1].outputs = list(outputs)
    node.cells[-1].execution_count = 2
    return node


def stream(text: str) -> NotebookNode:
    return nbformat.v4.new_output("stream", name="stdout", text=text)


def cleaned(node: NotebookNode, *secrets: str) -> Findings:
    return clean(node, Secrets(secrets), Paths())


def test_what_is_of_this_run_only_goes() -> None:
    node = executed(stream("1\n"))
    node.metadata |= {
        "papermill": {"input_path": "/somewhere/x.ipynb", "start_time": "2024-01-01"},
        "kernelspec": {"name": "warm", "display_name": "Warm", "language": "python"},
        "language_info": {"name": "python", "version": "3.11.7"},
        "title": "Kept",
    }
    for cell in node.cells:
        cell.metadata |= {"papermill": {"duration": 1}, "execution": {"iopub.status.busy": "2024"}}
    injected = code("x = 1", "injected-parameters")
    node.cells.insert(1, injected)
    node.cells.insert(0, markdown("An Exception was encountered"))
    node.cells[0].metadata["tags"] = ["papermill-error-cell-tag"]
    cleaned(node)
    assert node.metadata == {
        "kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"},
        "language_info": {"name": "python"},
        "title": "Kept",
    }
    assert [cell.metadata for cell in node.cells] == [
        {"tags": ["parameters"]},
        {"tags": ["injected-parameters"]},
        {},
        {},
    ]
    assert node.cells[1]["id"] == "injected-parameters"
    nbformat.validate(node)


def test_a_clean_notebook_stays_as_it_is() -> None:
    node = executed(stream("1\n"), nbformat.v4.new_output("display_data", {"application/x+json": {"a": [1, None]}}))
    cleaned(node)
    again = nbformat.from_dict(node)
    assert cleaned(again) == Findings()
    assert again == node


@pytest.mark.parametrize(
    "output",
    [
        stream(f"token: {TOKEN}\n"),
        nbformat.v4.new_output("execute_result", {"text/plain": TOKEN[:12]}, execution_count=1),
        nbformat.v4.new_output("display_data", {"text/html": f"<td>{TOKEN}</td>", "text/plain": "t"}),
        nbformat.v4.new_output("display_data", {"application/json": {"deep": [{TOKEN: 1}]}}),
        nbformat.v4.new_output("display_data", {"image/svg+xml": f"<svg>{TOKEN}</svg>"}),
        nbformat.v4.new_output("display_data", {}, metadata={"a": TOKEN}),
        nbformat.v4.new_output("error", ename="E", evalue=TOKEN, traceback=[f"\x1b[0;31m{TOKEN}\x1b[0m"]),
    ],
)
def test_tokens_go_and_are_reported(output: NotebookNode) -> None:
    node = executed(stream("fine"), output)
    findings = cleaned(node)
    assert set(findings.leaks) == {node.cells[-1]["id"]}
    assert "eyJ" not in nbformat.writes(node)
    assert REDACTED in nbformat.writes(node)


def test_secrets_go_from_sources_and_text_too() -> None:
    secret = "kH8_qZ-2mVxW5tRn9bLc7JdY4fGs6PaE"
    node = executed(stream(f"hunter {secret[3:20]}"))
    node.cells[1].source = f"# {secret}"
    node.cells[2].source = f"secret = '{secret}'"
    findings = cleaned(node, secret)
    assert set(findings.leaks) == {"c1", "c2"}
    assert secret[:12] not in nbformat.writes(node)


def test_tokens_go_from_the_state_of_widgets_and_from_attachments() -> None:
    node = executed(stream("fine"))
    node.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {"1": {"value": TOKEN}}}}
    assert cleaned(node).leaks == [""]
    node.cells[0]["attachments"] = {"note.txt": {"text/plain": TOKEN, "image/png": "iVBOReyJabcdefghijkl=="}}
    assert cleaned(node).leaks == [node.cells[0]["id"]]
    text = nbformat.writes(node)
    assert TOKEN[:12] not in text
    assert "iVBOReyJabcdefghijkl==" in text


def test_pictures_may_hold_any_letters() -> None:
    picture = "iVBOReyJabcdefghijkl=="
    node = executed(nbformat.v4.new_output("display_data", {"image/png": picture, "text/plain": "a picture"}))
    assert cleaned(node).leaks == []
    assert picture in text_of(node)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (ROOT / "helpers" / "show.py", "./helpers/show.py"),
        (Path(sys.prefix) / "bin" / "python", "<python>/bin/python"),
        (Path(nbformat.__file__), "<python>/site-packages/nbformat/__init__.py"),
        (Path(re.__file__), "<python>/lib/re/__init__.py"),
        (Path(tempfile.gettempdir()) / "ipykernel_123" / "4567.py", "<cell>"),
        (Path(tempfile.gettempdir()) / "x", "<tmp>/x"),
        (Path.home() / "me", "~/me"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="paths as they are on Linux and macOS")
def test_folders_of_this_machine_go(path: Path, shown: str) -> None:
    node = executed(
        stream(f"{path}:1: UserWarning\n"),
        nbformat.v4.new_output("error", ename="E", evalue="", traceback=[f"File \x1b[32m{path}:3\x1b[39m, in f"]),
    )
    findings = cleaned(node)
    assert set(findings.paths) == {node.cells[-1]["id"]}
    assert node.cells[-1].outputs[0].text == f"{shown}:1: UserWarning\n"
    assert str(path) not in nbformat.writes(node)


def test_other_paths_stay() -> None:
    text = f"/subscriptions/x/resourceGroups/y /metadata/identity/oauth2/token https://x{Path.home()}/y"
    node = executed(stream(text))
    assert cleaned(node).paths == []
    assert node.cells[-1].outputs[0].text == text


def test_a_given_folder_goes_before_the_one_it_is_in() -> None:
    folder = Path(tempfile.gettempdir()) / "azure-sandbox-1"
    assert Paths({folder: "<sandbox>"}).replace(f"{folder}/ca.pem") == "<sandbox>/ca.pem"


@given(st.text())
def test_text_without_folders_stays(text: str) -> None:
    assume("/" not in text and "\\" not in text)
    assert Paths().replace(text) == text


@pytest.mark.parametrize(
    ("content", "leaks"),
    [
        ({"metadata": {"x": TOKEN}}, [""]),
        ({"cells": None, "metadata": {"x": TOKEN}}, [""]),
        ({"cells": {"0": {"source": TOKEN}}}, [""]),
        ({"cells": [None, TOKEN, {"id": "a", "source": TOKEN, "metadata": None}], "metadata": None}, ["", "a"]),
        ({"cells": [{"id": "a", "input": TOKEN}]}, ["a"]),
        ({"worksheets": [{"cells": [{"cell_type": "code", "input": TOKEN}]}]}, [""]),
    ],
)
def test_what_is_no_valid_notebook_is_redacted_too(content: dict[str, object], leaks: list[str]) -> None:
    assert redact(content, Secrets()) == leaks
    assert TOKEN not in str(content)
    assert REDACTED in str(content)
