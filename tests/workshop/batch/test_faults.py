"""What must not matter to a batch: processes that are killed, a full disk, a sandbox that restarts, Ctrl-C."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import psutil
import pytest

from tests.support.needs import do_without
from tests.workshop.batch.conftest import (
    PATIENCE,
    BatchFolder,
    all_gone,
    children,
    dask_cluster,
    identities,
    program,
    shows,
    wait_for,
)
from workshop.batch import cluster
from workshop.kernels.start import KernelKind, default_kind
from workshop.paths import ROOT

MARK = """
import os, pathlib, time, psutil
def mark(name):
    pathlib.Path(FOLDER, name).write_text(str(os.getpid()))
def wait_for(name):
    while not pathlib.Path(FOLDER, name).exists():
        time.sleep(0.05)
"""
linux = pytest.mark.skipif(default_kind() is not KernelKind.WARM, reason="looks into processes as Linux has them")


def marks(folder: Path) -> str:
    return MARK.replace("FOLDER", repr(str(folder)))


def completed(desk: BatchFolder) -> int:
    return list(desk.states().values()).count("completed")


@linux
@pytest.mark.usefixtures("workers_in_threads")  # that go on with it; those of the runner that is killed are processes
def test_a_runner_that_is_killed_leaves_nothing_and_is_resumed(desk: BatchFolder, tmp_path: Path) -> None:
    gate = "if identity_name == 'ID003': wait_for('open')"
    log = "with pathlib.Path(FOLDER, 'ran').open('a') as f: f.write(identity_name + ' ')".replace(
        "FOLDER", repr(str(tmp_path))
    )
    desk.write({"00_a": shows(marks(tmp_path), log, "mark(identity_name)", gate)}, identities(4))
    with desk.start("--jobs", "1") as runner:
        wait_for(lambda: completed(desk) == 2 and (tmp_path / "ID003").exists())
        below = children(runner.pid)
        kernel = psutil.Process(int((tmp_path / "ID003").read_text()))
        runner.kill()
        wait_for(lambda: all_gone([*below, kernel]))
    assert desk.states() == {
        "row-0001": "completed",
        "row-0002": "completed",
        "row-0003": "running",
        "row-0004": "pending",
    }
    with (desk.output / "manifest.jsonl").open("ab") as manifest:
        manifest.write(b'{"row": 4, "name": "row-00')
    (tmp_path / "open").touch()
    assert desk.run("--jobs", "1", "--resume") == 0
    assert set(desk.states().values()) == {"completed"}
    assert (tmp_path / "ran").read_text().split() == ["ID001", "ID002", "ID003", "ID003", "ID004"]


@linux
def test_a_worker_that_is_killed_has_its_row_run_elsewhere(desk: BatchFolder, tmp_path: Path) -> None:
    tell = "pathlib.Path(FOLDER, 'worker').write_text(str(psutil.Process().parents()[1].pid))".replace(
        "FOLDER", repr(str(tmp_path))
    )
    first = "first = not pathlib.Path(FOLDER, 'ID001').exists()".replace("FOLDER", repr(str(tmp_path)))
    hang = "if identity_name == 'ID001' and first: mark('ID001'); time.sleep(600)"
    desk.write({"00_a": shows(marks(tmp_path), f"if identity_name == 'ID001': {tell}", first, hang)}, identities(3))
    with desk.start("--jobs", "2") as runner:
        wait_for(lambda: (tmp_path / "ID001").exists())
        kernel = psutil.Process(int((tmp_path / "ID001").read_text()))
        worker = int((tmp_path / "worker").read_text())
        assert worker in [child.pid for child in children(runner.pid)]
        os.kill(worker, signal.SIGKILL)
        assert runner.wait(PATIENCE) == 0
    assert set(desk.states().values()) == {"completed"}
    assert [line["state"] for line in desk.lines() if line["row"] == 1] == [
        "pending",
        "running",
        "running",
        "completed",
    ]
    assert "row-0001: its worker ended; another one begins it anew." in desk.said()
    wait_for(lambda: all_gone([kernel]))


@linux
@pytest.mark.long
def test_a_worker_that_is_stuck_is_replaced_and_its_row_run_again(
    desk: BatchFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cluster._CONFIGURATION, "distributed.scheduler.worker-ttl", "5s")
    first = "first = identity_name == 'ID001' and not pathlib.Path(FOLDER, 'ID001').exists()"
    stop = "import signal; os.kill(psutil.Process().parents()[1].pid, signal.SIGSTOP)"
    cells = [
        marks(tmp_path),
        first.replace("FOLDER", repr(str(tmp_path))),
        f"if first: mark('ID001'); {stop}; time.sleep(600)",
    ]
    desk.write({"00_a": shows(*cells)}, identities(3))
    assert desk.run("--jobs", "2") == 0
    assert set(desk.states().values()) == {"completed"}
    kernel = int((tmp_path / "ID001").read_text())
    wait_for(lambda: not psutil.pid_exists(kernel))


@linux
def test_ctrl_c_lets_what_runs_end(desk: BatchFolder, tmp_path: Path) -> None:
    desk.write({"00_a": shows(marks(tmp_path), "mark(identity_name)", "wait_for('open')")}, identities(3))
    with desk.start("--jobs", "1") as runner:
        wait_for(lambda: (tmp_path / "ID001").exists())
        below = children(runner.pid)
        os.killpg(runner.pid, signal.SIGINT)  # as a terminal does: to the workers too
        wait_for(lambda: "Ctrl-C again" in desk.said())
        (tmp_path / "open").touch()
        assert runner.wait(PATIENCE) == 130
        wait_for(lambda: all_gone(below))
    assert desk.states() == {"row-0001": "completed", "row-0002": "cancelled", "row-0003": "cancelled"}
    assert "1 completed, 2 cancelled" in desk.said()
    assert (desk.output / "report.html").exists()
    assert (desk.output / "junit.xml").exists()


@linux
def test_a_second_ctrl_c_ends_what_runs(desk: BatchFolder, tmp_path: Path) -> None:
    desk.write({"00_a": shows(marks(tmp_path), "mark(identity_name)", "wait_for('open')")}, identities(2))
    with desk.start("--jobs", "1") as runner:
        wait_for(lambda: (tmp_path / "ID001").exists())
        below = children(runner.pid)
        os.killpg(runner.pid, signal.SIGINT)
        wait_for(lambda: "Ctrl-C again" in desk.said())
        os.killpg(runner.pid, signal.SIGINT)
        assert runner.wait(PATIENCE) == 130
        wait_for(lambda: all_gone(below))
    assert set(desk.states().values()) == {"cancelled"}
    assert (desk.output / "report.html").exists()


NEVER_REPLACED = """
import sys
from workshop.batch import cluster
from workshop.cli import main
cluster._CONFIGURATION |= {"distributed.scheduler.worker-ttl": "1d", "distributed.comm.timeouts.connect": "1d"}
sys.exit(main())
"""


@linux
@pytest.mark.long
def test_a_worker_that_is_stuck_does_not_keep_the_second_ctrl_c_waiting(desk: BatchFolder, tmp_path: Path) -> None:
    stop = "import signal; os.kill(psutil.Process().parents()[1].pid, signal.SIGSTOP); mark(identity_name)"
    desk.write({"00_a": shows(marks(tmp_path), stop, "time.sleep(600)")}, identities(1))
    command = [sys.executable, "-c", NEVER_REPLACED, *desk.words("--jobs", "1")]
    with program(command, ROOT, str(desk.folder / "log")) as runner:
        wait_for(lambda: (tmp_path / "ID001").exists())
        below = children(runner.pid)
        runner.send_signal(signal.SIGINT)
        wait_for(lambda: "Ctrl-C again" in desk.said())
        runner.send_signal(signal.SIGINT)
        assert runner.wait(PATIENCE) == 130
        wait_for(lambda: all_gone(below))
    assert set(desk.states().values()) == {"cancelled"}
    assert "Traceback" not in desk.said()
    assert (desk.output / "report.html").exists()


@pytest.mark.long
def test_of_five_hundred_rows_exactly_the_bad_tenth_fails(desk: BatchFolder) -> None:
    desk.write({"00_a": shows("assert not identity_name.endswith('7'), 'bad'")}, identities(500))
    assert desk.run() == 1
    states = desk.states()
    assert len(states) == 500
    assert {name for name, state in states.items() if state == "failed"} == {f"row-{n:04}" for n in range(7, 500, 10)}
    assert set(states.values()) == {"completed", "failed"}


@linux
@pytest.mark.long
def test_a_full_disk_is_reported_and_corrupts_nothing(desk: BatchFolder, tmp_path: Path) -> None:
    small, kept = tmp_path / "small", tmp_path / "kept"
    small.mkdir()
    inside = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    mount = f"mount -t tmpfs -o size=400k tmpfs {small}"
    if not shutil.which("unshare") or subprocess.run([*inside, mount], capture_output=True).returncode:
        do_without("this system does not permit namespaces, and a small file system in one")
    desk.write({"00_a": shows("print('x' * 60_000)"), "01_b": shows("print('y' * 30_000)")}, identities(8))
    words = [*desk.words("--jobs", "1"), "--output", str(small)]
    command = " ".join(f"'{word}'" for word in [sys.executable, "-m", "workshop", *words])
    script = f"{mount} && {{ {command}; status=$?; cp -r {small} {kept}; exit $status; }}"
    done = subprocess.run([*inside, script], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1, done
    assert "No space left on device" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert str(kept) not in done.stdout
    saved = BatchFolder(tmp_path)
    (tmp_path / "kept").rename(saved.output)
    full = [line["name"] for line in saved.lines() if line["state"] == "completed"]
    assert 2 <= len(full) <= 4
    for path in saved.output.glob("row-*/*.ipynb"):
        nbformat.validate(nbformat.read(path, 4))
    assert all(len(list((saved.output / name).iterdir())) == 2 for name in full)
    assert not list(saved.output.rglob(".*.ipynb.*"))
    assert saved.run("--jobs", "1", "--resume") == 0
    assert set(saved.states().values()) == {"completed"}
    begun = [line["name"] for line in saved.lines() if line["state"] == "running"]
    assert all(begun.count(name) == 1 for name in full)


@linux
def test_a_sandbox_that_is_killed_comes_back_and_its_rows_run_again(desk: BatchFolder, tmp_path: Path) -> None:
    ask = """
import requests
e = os.environ
form = {"grant_type": "client_credentials", "scope": "https://management.azure.com/.default"}
form |= {"client_id": e["AZURE_CLIENT_ID"], "client_secret": e["AZURE_CLIENT_SECRET"]}
answer = requests.post(f"{e['AZURE_AUTHORITY_HOST']}/{e['AZURE_TENANT_ID']}/oauth2/v2.0/token", data=form)
headers = {"Authorization": "Bearer " + answer.json()["access_token"]}
url = e["AZURE_RESOURCE_MANAGER_ENDPOINT"] + "/subscriptions?api-version=2022-12-01"
def ask():
    return requests.get(url, headers=headers).status_code
"""
    loop = "\n".join(
        [
            "pathlib.Path(FOLDER, 'sandbox').write_text(e['AZURE_SANDBOX_DIR'])".replace("FOLDER", repr(str(tmp_path))),
            "while not pathlib.Path(FOLDER, 'open').exists():".replace("FOLDER", repr(str(tmp_path))),
            "    assert ask() == 200",
            "    mark('asked')",
            "    time.sleep(0.02)",
        ]
    )
    desk.write({"00_a": shows(marks(tmp_path) + ask, loop, "ask()")}, [{**identities(1)[0], "target": "sandbox"}])
    with desk.start("--jobs", "1") as runner:
        wait_for(lambda: (tmp_path / "asked").exists())
        folder = (tmp_path / "sandbox").read_text()
        command = [sys.executable, "-m", "sandbox", "--data", folder, "status", "--json"]
        status = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
        os.kill(status["process"], signal.SIGKILL)
        wait_for(lambda: "It is run again." in desk.said())
        (tmp_path / "open").touch()
        assert runner.wait(PATIENCE) == 0
    assert [line["state"] for line in desk.lines()] == ["pending", "running", "pending", "running", "completed"]
    assert "200" in desk.saved("row-0001", "00_a")
    assert not Path(folder).exists()
    assert not psutil.pid_exists(status["process"])


@pytest.mark.usefixtures("workers_in_threads")  # that go on with it
def test_a_scheduler_that_is_gone_ends_the_batch_and_it_is_resumed(desk: BatchFolder, tmp_path: Path) -> None:
    desk.write({"00_a": shows(marks(tmp_path), "mark(identity_name)", "wait_for('open')")}, identities(2))
    with dask_cluster(tmp_path, 1) as address, desk.start("--scheduler", address) as runner:
        wait_for(lambda: (tmp_path / "ID001").exists())
        file = str(tmp_path / "scheduler.json")
        (scheduler,) = [each for each in psutil.process_iter(["cmdline"]) if file in (each.info["cmdline"] or [])]
        scheduler.kill()
        assert runner.wait(PATIENCE) == 1
    assert "The connection to the Dask scheduler is lost." in desk.said()
    assert "Traceback" not in desk.said()
    assert set(desk.states().values()) == {"cancelled"}
    assert (desk.output / "report.html").exists()
    (tmp_path / "open").touch()
    assert desk.run("--jobs", "1", "--resume") == 0
    assert set(desk.states().values()) == {"completed"}
