"""What kernels are forked with: modules imported beforehand, and what tells whether they still fit a kernel."""

import importlib
import importlib.machinery
import os
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

# What ipykernel and IPython import only once they start, handle the first cell or show the first traceback.
KERNEL_MODULES = (
    "ipykernel.kernelapp",
    "workshop.kernels.error_box",
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
    "helpers.course.catch_up",
    "helpers.course.grants",
    "helpers.course.preflight",
    "helpers.lesson.checks",
    "helpers.lesson.world",
    "helpers.wait",
    "workshop.kernels.first_use",
)

# The variables that a starting interpreter and these imports read, and what the names of others begin with: a test
# looks at which they read. Kernels for which one of them differs are forked from different processes.
_READ = frozenset(
    (
        *("COLUMNS", "DISPLAY", "HOME", "LINES", "MSGPACK_PUREPYTHON", "PATH", "TERM", "USER"),
        *("ANDROID_DATA", "IN_SPHINX_RUN", "PATHS_FROM_ECLIPSE_TO_PYTHON", "PSUTIL_DEBUG", "PYCHARM_DEBUG"),
        "SPHINX_BUILD",
    )
)
_READ_PREFIXES = (
    *("DEBUG", "GEVENT_", "IPYTHON", "JUPYTER_", "PYDEV", "PYTHON", "_PYTHON", "PYZMQ_", "TORNADO_", "TRAITLETS_"),
    *("GLIBC_", "LANG", "LC_", "LD_", "MALLOC_", "OPENSSL_"),
)


@dataclass(frozen=True)
class Preloaded:
    """What has been imported."""

    modules: list[str]  # those that were asked for
    skipped: dict[str, str]  # names of those that could not be imported, with the reason
    stamps: dict[str, tuple[int, int]]  # of what, changed on disk, makes the imports out of date
    environ: dict[str, str | None]  # the variables that an import has set, or removed where the value is None

    def is_up_to_date(self) -> bool:
        """Return whether what was imported is still what is on disk."""
        return _stamps(self.stamps) == self.stamps

    def shadowed(self, folder: str) -> str | None:
        """Return a module that ``folder``, a kernel's working directory, has of its own; None if there is none."""
        for top in {name.partition(".")[0] for name in self.modules}:
            spec = importlib.machinery.PathFinder.find_spec(top, [folder])
            if spec and spec.origin and spec.origin != getattr(sys.modules.get(top), "__file__", None):
                return top
        return None


def preload(modules: Iterable[str]) -> Preloaded:
    """Import what any kernel needs, then ``modules``.

    A module that fails is left to the notebook that imports it, which then shows the error where it belongs.
    """
    before = dict(os.environ)
    done: list[str] = []
    skipped: dict[str, str] = {}
    for name in (*KERNEL_MODULES, *modules):
        try:
            importlib.import_module(name)
        except Exception as error:  # any code may run at import
            skipped[name] = f"{type(error).__name__}: {error}"
        else:
            done.append(name)
    changed = {name for name, _ in before.items() ^ os.environ.items()}
    return Preloaded(
        modules=[name for name in done if name not in KERNEL_MODULES],
        skipped=skipped,
        stamps=_stamps(_watched()),
        environ={name: os.environ.get(name) for name in changed},
    )


def read_by_imports(environment: Mapping[str, str]) -> dict[str, str]:
    """Return those of the variables that the imports depend on."""
    return {name: value for name, value in environment.items() if name in _READ or name.startswith(_READ_PREFIXES)}


def _stamps(paths: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Path to time of change and size, both 0 for what is not there."""
    return {path: _stamp(path) for path in paths}


def _stamp(path: str) -> tuple[int, int]:
    try:
        status = Path(path).stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size


def _watched() -> Iterator[str]:
    """Files of imported modules, and of data beside them, that are not installed, and the folders packages go into.

    Installing, upgrading or removing a package changes its folder; so no file of a package is watched.
    """
    folders = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    if site.ENABLE_USER_SITE:
        folders.add(site.getusersitepackages())
    yield from sorted(folders)
    known = tuple(f"{folder}{os.sep}" for folder in (*folders, sysconfig.get_path("stdlib")))
    paths = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    ours = [path for path in paths if path and not path.startswith(known)]
    yield from ours
    for folder in {Path(path).parent for path in ours}:
        yield from map(str, folder.glob("*.yaml"))
