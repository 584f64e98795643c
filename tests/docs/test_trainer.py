"""docs/trainer.md, followed word for word: its commands are run as they stand, in its order."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from workshop.paths import ROOT

PAGE = (ROOT / "docs" / "trainer.md").read_text("utf-8")
(ROSTER,) = re.findall(r"```csv\n(.*?)```", PAGE, re.DOTALL)
BLOCKS = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
ELSEWHERE = ("--target azure", "sudo ")  # need a subscription, or a certificate, root and a port below 1024


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Path]:
    """Where a trainer types: in the project, with the roster beside it, and a sandbox of the test's own."""
    for name in ("notebooks", "helpers"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "friday.csv").write_text(ROSTER, "utf-8")
    yield tmp_path
    subprocess.run([sys.executable, "-m", "sandbox", "stop"], cwd=ROOT, env=variables(tmp_path), check=False)


def variables(desk: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "PYTEST"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept["PATH"]])
    return {**kept, "PATH": path, "AZURE_SANDBOX_DIR": str(desk / "sandbox")}


def typed(block: str) -> list[str]:
    """What is typed at a time: a line, but for lines that need the one before them in the same terminal."""
    lines = [line for line in block.splitlines() if not any(word in line for word in ELSEWHERE)]
    return ["\n".join(lines)] if block.startswith(". ") else lines


def run(desk: Path, script: str) -> str:
    command = ["bash", "-e", "-c", script]
    if "--watch" in script:
        return until_interrupted(command, desk)
    done = subprocess.run(command, cwd=desk, env=variables(desk), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout


def until_interrupted(command: list[str], desk: Path) -> str:
    """Run it in a terminal, and press Ctrl-C when it has shown the class."""
    master, slave = pty.openpty()
    process = subprocess.Popen(command, cwd=desk, env=variables(desk), stdout=slave, stderr=slave, process_group=0)
    os.close(slave)
    said, pressed = b"", False
    with suppress(OSError):  # which is how the end of a terminal is told
        while chunk := os.read(master, 4096):
            said += chunk
            if b"learners have" in said and not pressed:
                os.killpg(process.pid, signal.SIGINT)
                pressed = True
    os.close(master)
    assert process.wait() == 0, said
    return said.decode()


@pytest.mark.long
def test_every_command_of_the_guide_in_its_order(desk: Path) -> None:
    said = {script: run(desk, script) for block in BLOCKS for script in typed(block) if script}
    assert len(said) > 10
    table = said["python -m workshop progress            # a table"]
    assert "Of 3 learners have" in table and "✓" in table
    assert "but no id-ada-lovelace" not in table  # what was tried as Ada has her names
    assert (desk / "as-ada.ipynb").is_file()
    (last,) = [text for script, text in said.items() if script == "python -m workshop clean-up --yes"]
    assert "0 failed" in last
