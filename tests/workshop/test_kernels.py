import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workshop.notebooks import notebook
from workshop.execution import execute
from workshop.kernels import KernelKind, default_kind, warm_up
from workshop.places import ROOT
from workshop.series import Notebook
from workshop.warm.pool import pool


@pytest.mark.skipif(default_kind() is not KernelKind.WARM, reason="warm kernels need Linux")
def test_kernels_are_forked_from_what_was_warmed_up(tmp_path: Path) -> None:
    pool.close()
    warm_up(KernelKind.WARM)
    (warmed,) = pool.pids()
    cell = "import os, sys\nf\"parent {os.getppid()} {'azure.identity' in sys.modules}\""
    environment = {**os.environ, "AZURE_AUTHORITY_HOST": "https://localhost:1"}
    execution = execute(Notebook(tmp_path / "00_a.ipynb"), notebook(cell), {}, environment, KernelKind.WARM)
    assert f"parent {warmed} True" in execution.node.cells[-1].outputs[0].data["text/plain"]
    assert pool.pids() == [warmed]


def test_nothing_is_warmed_up_for_stock_kernels() -> None:
    pool.close()
    warm_up(KernelKind.STOCK)
    assert pool.pids() == []


def test_papermill_is_imported_without_the_grammar_and_with_all_else() -> None:
    script = (
        "import sys; from workshop.imports import import_papermill; import_papermill(); import papermill, jsonschema;"
        "print('lark' in sys.modules, 'rfc3987_syntax' in sys.modules, jsonschema.validate([], {'type': 'array'}))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "None"]


def test_the_command_line_is_read_without_slow_imports() -> None:
    script = (
        "import sys, workshop.cli; print([n for n in ('papermill', 'nbformat', 'rich', 'zmq') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
