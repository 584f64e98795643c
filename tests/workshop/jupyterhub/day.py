"""A day with a class at the hub: a sandbox, a class, the hub itself, and its learners with their browsers."""

from __future__ import annotations

import asyncio
import csv
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import requests

from sandbox.core.clock import SystemClock
from sandbox.web.tls import Certificates, ensure_certificates
from tests.support.ports import port_for_a_server
from tests.workshop.jupyterhub.visitor import Visitor
from workshop.classroom.folder import ClassFolder
from workshop.paths import ROOT

Result = TypeVar("Result")
_PATIENCE = 300  # seconds until the hub answers


@dataclass
class Day:
    """Where everything is.

    Attributes:
        path: a folder of its own, which others may pass through.
        url: the hub's.
        hub: its process.
        authority: the PEM file by which its certificate is trusted; None without one.
    """

    path: Path
    url: str
    hub: subprocess.Popen[bytes]
    authority: Path | None

    @property
    def folder(self) -> ClassFolder:
        return ClassFolder(self.path / "class")

    @property
    def passwords(self) -> dict[str, str]:
        with self.folder.sign_ins.open(encoding="utf-8", newline="") as file:
            return {row["sign-in"]: row["password"] for row in csv.DictReader(file)}

    @property
    def handles(self) -> list[str]:
        return [learner.handle for learner in self.folder.load().learners]

    @property
    def log(self) -> str:
        return (self.path / "hub.log").read_text("utf-8", "replace")

    def visitor(self, name: str, password: str | None = None) -> Visitor:
        chosen = self.passwords.get(name, "") if password is None else password
        return Visitor(self.url, name, chosen, self.authority)

    def end(self) -> int:
        """Ctrl-C in the trainer's terminal; the exit status."""
        os.killpg(self.hub.pid, signal.SIGINT)
        return self.hub.wait(300)


@contextmanager
def day_at_the_hub(names: Sequence[str], *, secured: bool, more: Sequence[str] = ()) -> Iterator[Day]:
    """Provide for a class and run the hub until the block ends; in the end nothing of it is left.

    Args:
        names: of the learners.
        secured: whether the hub is to be had by https.
        more: options of the hub.
    """
    path = Path(tempfile.mkdtemp(prefix="day-"))
    path.chmod(0o711)
    own = {"AZURE_SANDBOX_DIR": str(path / "sandbox"), "WORKSHOP_USER_IDS": str(path / "user-ids" / "ids.json")}
    environment = {**os.environ, **own}
    try:
        (path / "friday.csv").write_text("\n".join(["name", *names]), "utf-8")
        workshop(environment, "plan", str(path / "friday.csv"), "--folder", str(path / "class"))
        workshop(environment, "provision", "--yes", "--folder", str(path / "class"))
        certificates = ensure_certificates(path, SystemClock()) if secured else None
        with running_hub(path, environment, certificates, more) as day:
            yield day
    finally:
        subprocess.run([sys.executable, "-m", "sandbox", "stop"], cwd=ROOT, env=environment, check=False)
        shutil.rmtree(path)


@contextmanager
def running_hub(
    path: Path, environment: dict[str, str], certificates: Certificates | None, more: Sequence[str] = ()
) -> Iterator[Day]:
    """The hub, as ``python -m workshop hub`` starts it."""
    url = f"{'https' if certificates else 'http'}://127.0.0.1:{port_for_a_server()}"
    command = [sys.executable, "-m", "workshop", "hub", "--folder", str(path / "class"), "--url", url, *more]
    if certificates:
        command += ["--certificate", str(certificates.chain_pem), "--key", str(certificates.key_pem)]
    with (path / "hub.log").open("wb") as log:
        hub = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True)
        day = Day(path, url, hub, certificates.ca_pem if certificates else None)
        try:
            _wait_until_it_answers(day)
            yield day
        finally:
            if hub.poll() is None:
                day.end()


def workshop(environment: dict[str, str], *words: str) -> str:
    """A command of the trainer's; what it prints."""
    command = [sys.executable, "-m", "workshop", *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def all_of(
    people: Sequence[Visitor], do: Callable[[Visitor], Coroutine[Any, Any, Result]], at_once: int
) -> list[Result]:
    """Do something for everybody, so many at a time."""
    limit = asyncio.Semaphore(at_once)

    async def one(person: Visitor) -> Result:
        async with limit:
            return await do(person)

    return await asyncio.gather(*map(one, people))


def _wait_until_it_answers(day: Day) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        assert day.hub.poll() is None, day.log
        try:
            trusted = str(day.authority) if day.authority else True
            if requests.get(f"{day.url}/hub/health", timeout=_PATIENCE, verify=trusted).ok:
                return
        except requests.RequestException:
            time.sleep(0.2)
    raise AssertionError(f"The hub did not come up.\n{day.log}")
