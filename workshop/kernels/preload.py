"""What the zygote imports, and what the owner must know to tell whether the result still fits a kernel."""

from __future__ import annotations

import importlib
import os
import site
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

from workshop.kernels import warm_up

# What ipykernel and IPython import only once they start, handle the first cell or show the first traceback.
KERNEL_MODULES = (
    "ipykernel.kernelapp",
    "workshop.kernels.kernel",
    "ipykernel.debugger",
    "ipykernel.comm.comm",
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.logger",
    "IPython.core.magics.execution",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
    "pygments.formatters.terminal256",
    "pygments.styles.default",
    "stack_data",
    "tornado.platform.asyncio",
    "psutil",
    "pdb",
    "sqlite3",
    "encodings.idna",
)

# What the notebooks import, as far as it is installed.
NOTEBOOK_MODULES = (
    "azure.identity",
    "msal_extensions",
    "azure.mgmt.msi",
    "azure.mgmt.compute",
    "azure.mgmt.authorization",
    "azure.mgmt.authorization.models",
    "azure.mgmt.resource",
    "azure.mgmt.resource.resources",
    "requests",
    "helpers",
)

# Set anew for each kernel, so their value at import does not matter.
_SET_FOR_EACH_KERNEL = {"JPY_PARENT_PID", "JPY_INTERRUPT_EVENT"}


class Report(TypedDict):
    """What the zygote tells its owner once the imports are done.

    Attributes:
        modules: names that were imported, of those asked for.
        skipped: names that were not, with the reason.
        files: path to ``[mtime in ns, size in bytes]`` of what, changed on disk, makes the imports out of date.
        environ: names of the environment variables that were read meanwhile.
        problem: why this process must not fork, or ``None``.
    """

    modules: list[str]
    skipped: dict[str, str]
    files: dict[str, list[int]]
    environ: list[str]
    problem: str | None


def preload(modules: list[str]) -> tuple[Report, dict[str, str | None]]:
    """Import what any kernel needs, then ``modules``.

    A module that fails is left to the notebook that imports it, which then shows the error where it belongs.

    Returns:
        The report, and the environment variables that an import has set, or removed where the value is ``None``.
    """
    before = dict(os.environ)
    done: list[str] = []
    skipped: dict[str, str] = {}
    with _environment_reads() as read:
        for name in (*KERNEL_MODULES, *modules):
            try:
                importlib.import_module(name)
            except Exception as error:  # any code may run at import; what it raised is in the report
                skipped[name] = f"{type(error).__name__}: {error}"
            else:
                done.append(name)
    _warm_up_clients(done, skipped)
    report: Report = {
        "modules": [name for name in done if name not in KERNEL_MODULES],
        "skipped": skipped,
        "files": stamps(_watched()),
        "environ": sorted(read - _SET_FOR_EACH_KERNEL),
        "problem": unsafe_to_fork(),
    }
    changed = {name for name, _value in before.items() ^ os.environ.items()}
    return report, {name: os.environ.get(name) for name in changed}


def _warm_up_clients(done: list[str], skipped: dict[str, str]) -> None:
    """Have Azure's clients do once what they do at first use, if it is notebooks with Azure that kernels are for."""
    if not {*NOTEBOOK_MODULES} <= {*done}:
        return
    try:
        warm_up.warm_up_clients()
    except Exception as error:  # each kernel will do it by itself then; what is wrong is in the report
        skipped[warm_up.__name__] = f"{type(error).__name__}: {error}"


def unsafe_to_fork() -> str | None:
    """Why a fork of this process would not be whole: another thread would be missing, a lock of its held."""
    threads = len(list(Path("/proc/self/task").iterdir()))
    return None if threads == 1 else f"the process has {threads} threads"


def stamps(paths: Iterator[str] | Mapping[str, object]) -> dict[str, list[int]]:
    """Path to ``[mtime in ns, size]``, ``[0, 0]`` for what is not there."""
    return {path: _stamp(path) for path in paths}


def _stamp(path: str) -> list[int]:
    try:
        status = Path(path).stat()
    except OSError:
        return [0, 0]
    return [status.st_mtime_ns, status.st_size]


def _watched() -> Iterator[str]:
    """Files of imported modules that are neither Python's nor installed, and the folders packages go into.

    Installing, upgrading or removing a package changes its folder; so no file of a package is watched.
    """
    folders = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    if site.ENABLE_USER_SITE:
        folders.add(site.getusersitepackages())
    yield from sorted(folders)
    known = tuple(f"{folder}{os.sep}" for folder in (*folders, sysconfig.get_path("stdlib")))
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if path and not path.startswith(known):
            yield path


@contextmanager
def _environment_reads() -> Iterator[set[str]]:
    """The names looked up in ``os.environ`` in the body. What C libraries read is not seen."""
    read: set[str] = set()
    environ_class = type(os.environ)
    lookup = environ_class.__getitem__

    def recorded(environ: os._Environ[str], name: str) -> str:
        if isinstance(name, str):  # os.get_exec_path tries bytes, to be refused
            read.add(name)
        return lookup(environ, name)

    environ_class.__getitem__ = recorded  # type: ignore[method-assign]  # to listen, for as long as it imports
    try:
        yield read
    finally:
        environ_class.__getitem__ = lookup  # type: ignore[method-assign]  # and back
