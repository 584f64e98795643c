"""Runs the series against a sandbox with faults, by the commands that a user has, and finds out how it ended."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import nbformat

from tests.reliability.cases import Case

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "reliability.md"
COMPLETES = "completes"
Python = Callable[..., "subprocess.CompletedProcess[str]"]
_LIMIT = 900  # seconds for one run: longer than any time limit of a notebook's own
_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{32}\b")
_COLOR = re.compile(r"\x1b\[[0-9;]*m")


def new_process(module: str, *words: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Do ``python -m`` with a module, as a user does."""
    command = [sys.executable, "-m", module, *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=_LIMIT)


def outcome_of(case: Case, folder: Path, python: Python = new_process) -> str:
    """Run the notebooks with the faults of ``case``; return ``COMPLETES``, or where it stopped with which sentence."""
    folder.mkdir(parents=True)
    (folder / "faults.yaml").write_text(f"- {case.rules}\n")
    environment = {**os.environ, "AZURE_SANDBOX_DIR": str(folder / "state")}

    def run(output: str, first: str) -> subprocess.CompletedProcess[str]:
        words = ["run", "--sandbox", "running", "--from", first, "--output", str(folder / output)]
        return python("workshop", *words, environment=environment)

    try:
        python("sandbox", "start", "--faults", str(folder / "faults.yaml"), environment=environment).check_returncode()
        done = run("output", "00")
        if done.returncode == 0:
            met = "meets the fault" in (folder / "state" / "sandbox.log").read_text()
            return COMPLETES if met else "meets no fault"
        number, sentence = _end_of(folder / "output", done.stdout + done.stderr)
        python("sandbox", "stop", environment=environment)
        python("sandbox", "start", "--no-faults", environment=environment).check_returncode()
        goes_on = run("again", number).returncode == 0
        return f"stops in {number}: {sentence}" + ("" if goes_on else "; and does not go on")
    except subprocess.TimeoutExpired:
        return f"hangs for more than {_LIMIT} s"
    finally:
        python("sandbox", "stop", environment=environment)


def _end_of(output: Path, printed: str) -> tuple[str, str]:
    """Return the number of the notebook that failed, and the sentence it ended with."""
    for file in sorted(output.glob("0*.ipynb")):
        for cell in nbformat.read(file, as_version=4).cells:
            for each in cell.get("outputs", ()):
                if each.output_type == "error":
                    return file.stem[:2], _sentence(each.ename, each.evalue)
    return "00", _sentence("workshop", printed.strip().splitlines()[-1])


def _sentence(kind: str, said: str) -> str:
    """Return in one line what was said, without what differs from run to run and what the SDK says twice."""
    words = _COLOR.sub("", said).partition("\nCode: ")[0]
    return textwrap.shorten(_GUID.sub("…", f"{kind}: {words}"), 320, placeholder=" …").replace("|", "\\|")


def documented() -> dict[str, str]:
    """Return what the document says of each case, by its title."""
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    return dict(rows[1:])
