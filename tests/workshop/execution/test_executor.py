import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_output

from tests.workshop.small_notebooks import code, markdown, notebook, text_of
from workshop.execution.executor import Execution, execute
from workshop.kernels.start import KernelKind, Kernels, default_kind
from workshop.kernels.tokens import KernelTokens
from workshop.notebooks.outcome import account_of
from workshop.notebooks.parameters import Value

_STOCK_IN_ALL = pytest.param(KernelKind.STOCK, marks=pytest.mark.long if default_kind() is KernelKind.WARM else ())
each_kind = pytest.mark.parametrize("kind", [KernelKind.STOCK, KernelKind.WARM])
# What the executor tells of a failure does not depend on how its kernel was started.
each_kind_in_all = pytest.mark.parametrize("kind", [_STOCK_IN_ALL, KernelKind.WARM])


@pytest.fixture(autouse=True)
def where_there_is_fork(kind: KernelKind) -> None:
    if kind is KernelKind.WARM and default_kind() is not KernelKind.WARM:
        pytest.skip("warm kernels need Linux")


def run(
    node: NotebookNode, folder: Path, kind: KernelKind, parameters: dict[str, Value] | None = None, **environment: str
) -> tuple[Execution, list[int]]:
    counts: list[int] = []
    with Kernels(kind, {**os.environ, **environment}) as kernels:
        execution = execute(folder / "00_test.ipynb", node, parameters or {}, kernels, counts.append)
    return execution, counts


@each_kind
def test_a_notebook_runs_in_its_folder_with_its_environment_and_parameters(tmp_path: Path, kind: KernelKind) -> None:
    odd = 'a "b" \\n \n {x} \' é'
    node = notebook(
        markdown("# Title"),
        "import os\nprint(os.getcwd(), os.environ['COLOUR'], 'COLOUR' in os.environ)",
        "identity_name",
    )
    execution, counts = run(node, tmp_path, kind, {"identity_name": odd}, COLOUR="red")
    assert execution.failure is None
    assert counts == [0, 1, 2, 3, 4]
    assert f"{tmp_path} red True" in text_of(execution.node)
    assert execution.node.cells[-1].outputs[0].data["text/plain"] == repr(odd)
    assert [cell.execution_count for cell in execution.node.cells if cell.cell_type == "code"] == [1, 2, 3, 4]
    assert "COLOUR" not in os.environ
    assert node.cells[-1].outputs == []


@each_kind
def test_each_notebook_has_a_kernel_of_its_own(tmp_path: Path, kind: KernelKind) -> None:
    run(notebook("left_over = 1"), tmp_path, kind)
    execution, _ = run(notebook("'left_over' in globals()"), tmp_path, kind)
    assert "False" in text_of(execution.node)


@each_kind
def test_a_failure_names_the_cell_and_ends_the_notebook(tmp_path: Path, kind: KernelKind) -> None:
    node = notebook("", markdown("between"), "def divide(x):\n    return 1 / x", "divide(0)", "print('never')")
    execution, counts = run(node, tmp_path, kind, {"identity_name": "ID2"})
    failure = execution.failure
    assert failure is not None
    assert failure.cell_id == "c4"
    assert failure.number == 4 == next(c for c in execution.node.cells if c["id"] == "c4").execution_count
    assert failure.source == "divide(0)"
    assert failure.error == "ZeroDivisionError: division by zero"
    assert "return 1 / x" in failure.traceback
    assert "\x1b" not in failure.traceback
    assert not failure.interrupted
    assert "never" not in text_of(execution.node)
    assert counts[-1] == 4


@each_kind_in_all
@pytest.mark.parametrize("source", ["%%no_such_magic\n1", "%no_such_magic"])
def test_a_failure_without_an_error_in_the_outputs_is_told_as_the_kernel_tells_it(
    tmp_path: Path, kind: KernelKind, source: str
) -> None:
    execution, _ = run(notebook("1", source, "2"), tmp_path, kind)
    assert execution.failure is not None
    assert execution.failure.cell_id == "c2"
    assert "`%no_such_magic`" in execution.failure.error.replace("%%", "%")
    assert "not found" in account_of("00_test", execution.failure)


@each_kind
def test_a_dead_kernel_is_a_failure_of_the_cell_that_killed_it(tmp_path: Path, kind: KernelKind) -> None:
    execution, _ = run(notebook("1", "import os\nos._exit(7)", "2"), tmp_path, kind)
    assert execution.failure is not None
    assert execution.failure.cell_id == "c2"
    assert execution.failure.number == 3
    assert execution.failure.error.startswith("DeadKernelError")


@each_kind_in_all
def test_an_expected_exception_that_is_tagged_still_fails_as_papermill_has_it(tmp_path: Path, kind: KernelKind) -> None:
    execution, _ = run(notebook(code("1 / 0", "raises-exception")), tmp_path, kind)
    assert execution.failure is not None
    assert execution.failure.error.startswith("ZeroDivisionError")


@each_kind_in_all
@pytest.mark.parametrize("source", ["import sys\nsys.exit()", "raise SystemExit(0)"])
def test_a_cell_that_exits_with_success_is_the_last(tmp_path: Path, kind: KernelKind, source: str) -> None:
    execution, counts = run(notebook("1", source, "print('never')"), tmp_path, kind)
    assert execution.failure is None
    assert "never" not in text_of(execution.node)
    assert counts[-1] == 3  # with the parameters


@each_kind_in_all
def test_a_cell_that_exits_with_failure_fails(tmp_path: Path, kind: KernelKind) -> None:
    execution, _ = run(notebook("raise SystemExit(3)"), tmp_path, kind)
    assert execution.failure is not None
    assert execution.failure.error == "SystemExit: 3"


@each_kind_in_all
def test_a_cell_that_shows_an_error_and_goes_on_has_failed(tmp_path: Path, kind: KernelKind) -> None:
    (tmp_path / "script.py").write_text("1 / 0", "utf-8")
    execution, _ = run(notebook("%run script.py", "print('never')"), tmp_path, kind)
    assert execution.failure is not None
    assert execution.failure.cell_id == "c1"
    assert execution.failure.error == "ZeroDivisionError: division by zero"
    assert "script.py" in execution.failure.traceback
    assert "never" not in text_of(execution.node)


@each_kind_in_all
def test_saved_outputs_of_cells_that_are_not_reached_go(tmp_path: Path, kind: KernelKind) -> None:
    node = notebook("1 / 0", "2")
    node.cells[-1].update(outputs=[new_output("stream", text="saved")], execution_count=7)
    execution, _ = run(node, tmp_path, kind)
    assert (execution.node.cells[-1].outputs, execution.node.cells[-1].execution_count) == ([], None)


@each_kind
@pytest.mark.skipif(sys.platform == "win32", reason="sends a Unix signal")
def test_ctrl_c_keeps_what_has_been_executed(tmp_path: Path, kind: KernelKind) -> None:
    interrupt = f"import os, signal, time\nos.kill({os.getpid()}, signal.SIGINT)\ntime.sleep(60)"
    execution, _ = run(notebook("print('kept')", interrupt), tmp_path, kind)
    assert execution.failure is not None
    assert execution.failure.interrupted
    assert execution.failure.cell_id == "c2"
    assert "kept" in text_of(execution.node)


@each_kind
def test_ctrl_c_while_an_output_comes_in_keeps_what_has_been_executed(
    tmp_path: Path, kind: KernelKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    process_message = NotebookClient.process_message

    def press_ctrl_c(client: NotebookClient, message: dict[str, Any], *arguments: Any) -> Any:
        if message["content"].get("text") == "now\n":
            signal.raise_signal(signal.SIGINT)
        return process_message(client, message, *arguments)

    monkeypatch.setattr(NotebookClient, "process_message", press_ctrl_c)
    kept = "from helpers import connection, transport\ntransport.issued.append('abc')\nprint('kept')"
    tokens = KernelTokens()
    with Kernels(kind, os.environ, tokens) as kernels:
        execution = execute(tmp_path / "00_test.ipynb", notebook(kept, "print('now')"), {}, kernels)
    assert tokens.all() == {"abc"}
    assert execution.failure is not None
    assert execution.failure.interrupted
    assert execution.failure.cell_id == "c2"
    assert "kept" in text_of(execution.node)
