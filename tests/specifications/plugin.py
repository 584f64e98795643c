"""A pytest plugin that holds all that the tests make the sandbox answer to the published specifications.

    python -m pytest -p tests.specifications.plugin tests

Every answer of Resource Manager and of metadata services is recorded, in this process, in pytest-xdist's workers and
in the sandboxes that tests start. At the end they are checked; a disagreement fails the run.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from xdist import is_xdist_worker

from tests.specifications import oav, traffic
from tests.specifications.openapi import DOCUMENTS, Findings, check
from tests.support.needs import REQUIRED

_FOLDER = pytest.StashKey[Path]()
_REPORT = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Record from now on; the first process names the folder to those that it starts."""
    if traffic.FOLDER not in os.environ:
        folder = config.stash[_FOLDER] = Path(tempfile.mkdtemp(prefix="traffic"))
        os.environ.update(traffic.environment(folder))
    config.add_cleanup(traffic.record(Path(os.environ[traffic.FOLDER])))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Check what was recorded."""
    folder = session.config.stash.get(_FOLDER, None)
    if folder is None or is_xdist_worker(session):
        return
    try:
        findings = _check(session.config, folder)
    except oav.Unavailable as error:
        session.config.stash[_REPORT] = f"not checked: {error}"
        if REQUIRED in os.environ and DOCUMENTS.is_dir():
            _fail(session)
        return
    except oav.Failed as error:  # told with the rest, so that what the tests found is not lost
        session.config.stash[_REPORT] = f"the check failed: {error}"
        _fail(session)
        return
    finally:
        shutil.rmtree(folder)
    session.config.stash[_REPORT] = str(findings)
    if findings.disagreements:
        _fail(session)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what came of it."""
    if _REPORT in config.stash:
        terminalreporter.section("Azure's specifications")
        terminalreporter.line(config.stash[_REPORT])


def _fail(session: pytest.Session) -> None:
    if session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _check(config: pytest.Config, folder: Path) -> Findings:
    if not DOCUMENTS.is_dir():
        raise oav.Unavailable("the published specifications are not beside the repository")
    assert config.cache is not None
    return check(traffic.read(folder), oav.install(config.cache.mkdir("oav")))
