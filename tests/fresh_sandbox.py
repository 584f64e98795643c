"""A pytest plugin for nbval: the notebooks run in order against a fresh sandbox, and are compared for real.

    python -m pytest -p tests.fresh_sandbox --nbval notebooks

With ``-n auto --dist loadfile`` each process has a sandbox of its own.

No cell is left out of the comparison: one that was saved without having been executed, or that is marked to be
skipped or ignored, fails. Where only some notebooks are asked for, those before them are executed first, so that
each finds what it found when its outputs were saved.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from nbval.plugin import IPyNbCell

from workshop.execution.executor import execute
from workshop.files import read_notebook
from workshop.kernels.start import KernelKind, Kernels, default_kind
from workshop.notebooks.learner_copies import HOME
from workshop.notebooks.outcome import account_of
from workshop.notebooks.series import find_series
from workshop.sandbox import FreshSandbox, kernel_environment

_SANDBOX = pytest.StashKey[FreshSandbox]()
_DONE = pytest.StashKey[set[Path]]()


def pytest_configure(config: pytest.Config) -> None:
    """Have several processes get whole notebooks, in their order: what a notebook finds, those before it have made."""
    parallel = config.getoption("nbval") and config.getoption("numprocesses", None)
    if parallel and config.getoption("dist") != "loadfile":
        raise pytest.UsageError("The cells of a notebook need each other: with -n, nbval takes --dist loadfile.")
    config.option.loadscopereorder = False  # the longest first is what pytest-xdist would do


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out the home page: it shows how far somebody is, and is saved without that."""
    return True if collection_path.name == HOME else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the notebooks in their order, which is that of their names."""
    cells = [item for item in items if isinstance(item, IPyNbCell)]
    places = {path: place for place, path in enumerate(sorted({cell.path for cell in cells}))}
    cells.sort(key=lambda cell: places[cell.path])
    items[:] = [item for item in items if not isinstance(item, IPyNbCell)] + cells


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Keep a fresh sandbox while the notebooks run, and point their kernels to it."""
    if session.config.option.collectonly or not any(isinstance(item, IPyNbCell) for item in session.items):
        return (yield)
    with FreshSandbox() as sandbox:
        session.config.stash[_SANDBOX] = sandbox
        session.config.stash[_DONE] = set()
        before = dict(os.environ)
        _become(kernel_environment(sandbox.environment) | _faster_kernels())
        try:
            return (yield)
        finally:
            _become(before)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse cells that would not be compared; before a notebook's first cell, execute the notebooks before it."""
    if not isinstance(item, IPyNbCell):
        return
    cell = item.cell
    if cell.source.strip() and cell.execution_count is None:
        pytest.fail(
            "This cell was saved without having been executed: save the notebooks with 'make notebooks'.", False
        )
    if item.options["skip"] or not item.options["check"]:
        pytest.fail("This cell is marked not to be compared: make its output the same at every run instead.", False)
    _catch_up(item.config, item.path)


def _catch_up(config: pytest.Config, path: Path) -> None:
    done = config.stash[_DONE]
    if path in done:
        return
    for notebook in find_series(path.parent):
        if notebook == path:
            break
        if notebook not in done:
            _execute(notebook, dict(os.environ))
            done.add(notebook)
    done.add(path)


def _execute(notebook: Path, environment: Mapping[str, str]) -> None:
    with Kernels(default_kind(), environment) as kernels:
        execution = execute(notebook, read_notebook(notebook), {}, kernels)
    if execution.failure is not None:
        pytest.fail(account_of(notebook.stem, execution.failure), False)


def _faster_kernels() -> dict[str, str]:
    """The variable that has Jupyter fork its kernels, where that is to be had: the same outputs in half the time."""
    provisioner = "warm-provisioner"
    known = entry_points(group="jupyter_client.kernel_provisioners", name=provisioner)
    return {"JUPYTER_DEFAULT_PROVISIONER_NAME": provisioner} if known and default_kind() is KernelKind.WARM else {}


def _become(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
