"""Notebooks run in warm kernels come out as they do in normal ones."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode

from tests.workshop.kernels.kernels import eventually, gone
from workshop.kernels.pool import WarmProcess
from workshop.kernels.start import KernelKind, Kernels

KERNELSPEC = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
WARM: dict[str, Any] = {"kernel_name": "python3-warm"}


def notebook(*sources: str, tags: tuple[str, ...] = ()) -> NotebookNode:
    cells = [nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)}) for source in sources]
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNELSPEC})


def executed(node: NotebookNode, **options: Any) -> NotebookNode:
    client = NotebookClient(node, timeout=300, coalesce_streams=True, **WARM, **options)
    result: NotebookNode = client.execute()
    return result


def outputs(node: NotebookNode) -> list[Any]:
    """What the cells show, without what differs between any two processes."""
    text = nbformat.writes(nbformat.v4.new_notebook(cells=node.cells))
    cells = nbformat.reads(re.sub(r"ipykernel_\d+|0x[0-9a-f]+", "…", text), as_version=4).cells
    return [[cell.execution_count, cell.outputs] for cell in cells]


CELLS = {
    "text": "print('one'); import sys; print('two', file=sys.stderr); 3",
    "rich": "from IPython.display import HTML, Markdown, display\ndisplay(HTML('<b>x</b>'), Markdown('*y*'))",
    "representation": "import collections\ncollections.Counter('hollyhock')",
    "written past Python": "import os; os.write(1, b'raw'); os.system('echo from a shell')\nNone",
    "shell magic": "!echo $((6 * 7))",
    "cell magic": "%%bash\necho one\necho two >&2",
    "await": "import asyncio\nasync def later(x):\n    await asyncio.sleep(0.01)\n    return x\n"
    "await asyncio.gather(*map(later, 'abc'))",
    "task": "task = asyncio.get_running_loop().create_task(later(1))\nawait task",
    "thread": "import threading\nthread = threading.Thread(target=print, args=('in a thread',))\n"
    "thread.start(); thread.join()",
    "pool": "import concurrent.futures as futures\nlist(futures.ThreadPoolExecutor(2).map(str, range(3)))",
    "process": "import subprocess, sys\nsubprocess.check_output([sys.executable, '-c', 'print(6 * 7)'])",
    "multiprocessing": "import multiprocessing\ndef square(x): return x * x\n"
    "with multiprocessing.get_context('fork').Pool(2) as pool: squares = pool.map(square, range(4))\nsquares",
    "help": "len?",
    "input": "input('Your name: ')",
    "syntax error": "def f(:",
    "error": "def inner(): return {}['missing']\ndef outer(): return inner()\nouter()",
    "error in a library": "import json\njson.loads('{')",
    "chained error": "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise ValueError('no') from error",
    "group of errors": "raise ExceptionGroup('several', [ValueError(1), TypeError(2)])",
    "exit": "raise SystemExit('done')",
    "warning": "import warnings\nwarnings.warn('careful', stacklevel=1)",
    "deprecation": "warnings.warn('old', DeprecationWarning)",
    "completion": "get_ipython().complete('impor')[1][:1]",
    "history": "In[1][:10], len(In), _i1[:5]",
    "azure": "from azure.mgmt.compute import ComputeManagementClient\n"
    "ComputeManagementClient(object(), 'subscription').virtual_machines.__class__",
}


def test_outputs_are_those_of_a_normal_kernel() -> None:
    cells = notebook(*CELLS.values(), tags=("raises-exception",))
    warm = outputs(executed(nbformat.from_dict(cells)))
    normal = outputs(NotebookClient(nbformat.from_dict(cells), timeout=300, coalesce_streams=True).execute())
    for name, mine, theirs in zip(CELLS, warm, normal, strict=True):
        assert mine == theirs, name


def test_no_cell_is_done_before_what_it_has_printed_is_told() -> None:
    """Flushed or, in every fifth cell, sent by the stream's own clock (0.2 s) about when the cell ends."""
    sources = [
        f"import time; print({number}, end=''); time.sleep({0.2 if number % 5 == 4 else 0})" for number in range(60)
    ]
    quiet = notebook(*(source for each in sources for source in (each, "pass")))
    texts = ["".join(output.text for output in cell.outputs) for cell in executed(quiet).cells]
    assert texts[::2] == [str(number) for number in range(60)]
    assert set(texts[1::2]) == {""}


def test_papermill_saves_the_same_notebook(tmp_path: Path) -> None:
    source = tmp_path / "source.ipynb"
    parameters = nbformat.v4.new_code_cell("name = 'ID1'", metadata={"tags": ["parameters"]})
    node = notebook("import os; print(name, os.getcwd())")
    node.cells.insert(0, parameters)
    nbformat.write(node, source)
    saved = []
    for name, options in {"warm": WARM, "stock": {}}.items():
        target = tmp_path / f"{name}.ipynb"
        papermill.execute_notebook(source, target, {"name": "ID2"}, cwd=tmp_path, progress_bar=False, **options)
        result = nbformat.read(target, as_version=4)
        assert result.metadata.pop("papermill")["exception"] is None
        saved.append([result.metadata, outputs(result), [cell.source for cell in result.cells]])
    assert saved[0] == saved[1]
    assert saved[0][0]["kernelspec"] == KERNELSPEC
    assert saved[0][1][-1][1][0]["text"] == f"ID2 {tmp_path}\n"


def test_an_error_in_a_cell_is_papermills_error() -> None:
    with pytest.raises(papermill.PapermillExecutionError, match="no such machine"):
        papermill.execute_notebook(
            notebook("raise LookupError('no such machine')", "1 / 0"),
            None,
            progress_bar=False,
            **WARM,
        )


@pytest.mark.parametrize("options", [WARM, {}], ids=["warm", "stock"])
def test_a_kernel_that_is_killed_is_found_dead(options: dict[str, Any]) -> None:
    with pytest.raises(DeadKernelError):
        papermill.execute_notebook(
            notebook("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"),
            None,
            progress_bar=False,
            **options,
        )


def test_each_notebook_has_a_process_of_its_own_that_is_gone_afterwards() -> None:
    look = notebook("import os\nprint(os.getpid(), 'name' in globals())\nname = 1")
    seen = [executed(nbformat.from_dict(look)).cells[0].outputs[0].text.split() for _ in range(3)]
    assert len({pid for pid, _known in seen}) == 3
    assert {known for _pid, known in seen} == {"False"}
    assert all(eventually(gone(int(pid))) for pid, _known in seen)


def test_kernels_are_reached_over_private_unix_sockets_that_go_with_them(tmp_path: Path) -> None:
    with Kernels(KernelKind.WARM, os.environ) as kernels:
        manager: Any = kernels.take(tmp_path)
        assert isinstance(manager.provisioner.process, WarmProcess)
        folder = Path(manager.connection_file).parent
        assert manager.transport == "ipc"
        assert folder.stat().st_mode & 0o077 == 0
        assert len(list(folder.iterdir())) == 6  # five channels and the connection file
        kernels.give_back(manager)
    assert not folder.exists()


def test_where_a_socket_would_have_too_long_a_path_kernels_are_reached_over_ports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ("long" * 25)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with Kernels(KernelKind.WARM, os.environ) as kernels:
        manager: Any = kernels.take(tmp_path)
        assert isinstance(manager.provisioner.process, WarmProcess)
        assert manager.transport == "tcp"
        kernels.give_back(manager)
    assert list(folder.iterdir()) == []
