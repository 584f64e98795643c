"""JupyterLab, started for real."""

import os
import re
import secrets
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import requests

from tests.support.ports import port_for_a_server
from workshop.errors import UsageError
from workshop.lab import lab_command, open_already, open_copy
from workshop.paths import NOTEBOOKS, ROOT
from workshop.sandbox import sandbox_command


def test_the_command_line() -> None:
    words = lab_command(Path("/my/course/index.ipynb"), 9999, ["--no-browser"])
    assert "--ServerApp.port=9999" in words
    assert "--LabApp.default_url=/lab/tree/index.ipynb" in words
    assert f"--ServerApp.root_dir={Path('/my/course').absolute()}" in words
    assert words[-1] == "--no-browser"
    assert "--ServerApp.jpserver_extensions={'workshop.server_extension': True}" in words
    assert not any("port" in word for word in lab_command(Path("x.ipynb"), None, []))


def test_a_copy_is_opened_as_it_was_left_or_begun_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "my-course"
    said = []
    for fresh in (False, False, True):
        open_copy(folder, fresh=fresh)
        said.append(capsys.readouterr().out)
        (folder / "notes.txt").write_text("mine")
    assert f"new notebooks: {folder}" in said[0]
    assert said[1] == f"Your copy of the course, as you left it: {folder}\n"
    assert "kept in" in said[2] and "new notebooks" in said[2]
    assert (tmp_path / "my-course-before-reset-1" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("folder", "fresh"), [(NOTEBOOKS, False), (NOTEBOOKS, True), (ROOT, True), (ROOT.parent, True), (None, True)]
)
def test_nothing_but_a_copy_is_worked_in_or_set_aside(
    folder: Path | None, fresh: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "rename", lambda *_: pytest.fail("what was there has been moved"))
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="Name another folder with --folder"):
        open_copy(folder or tmp_path / "letters", fresh=fresh)


def test_a_copy_of_an_earlier_course_is_opened_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "my-course"
    open_copy(folder)
    for name in ("03_grant_access", "index"):
        text = (folder / f"{name}.ipynb").read_text("utf-8")
        (folder / f"{name}.ipynb").write_text(text.replace('"made_from"', '"was_made_from"'), "utf-8")
    capsys.readouterr()
    open_copy(folder)
    [opened, changed] = capsys.readouterr().out.splitlines()
    assert "as you left it" in opened
    assert changed == (
        "The course has changed since then (03, index.ipynb), so cells in it may fail. To begin again, with this copy "
        f"kept beside the new one: python -m workshop lab --fresh --folder {shlex.quote(str(folder))}"
    )
    open_copy(folder, fresh=True)
    assert "The course has changed" not in capsys.readouterr().out


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="sends a Unix signal to a group")
def test_jupyterlab_opens_the_copy_and_the_sandbox_stays(tmp_path: Path) -> None:
    state = tmp_path / "state"
    token = secrets.token_hex(16)
    port = port_for_a_server()
    words = [f"--IdentityProvider.token={token}", "--no-browser"]  # and where the user is root, what that takes
    lab = subprocess.Popen(
        [sys.executable, "-m", "workshop", "lab", "--folder", "mine", "--port", str(port), "--", *words],
        cwd=tmp_path,
        env={**os.environ, "AZURE_SANDBOX_DIR": str(state), "JUPYTER_CONFIG_DIR": str(tmp_path / "config")},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        server = f"http://127.0.0.1:{port}"
        sign_in = {"Authorization": f"token {token}"}
        wait_for(f"{server}/api/status", sign_in)
        start = requests.get(server, headers=sign_in, timeout=300)
        assert start.url.endswith("/lab/tree/index.ipynb")
        page = requests.get(start.url, headers=sign_in, timeout=300)
        assert '"@jupyterlab/apputils-extension:announcements"' in page.text.partition("disabledExtensions")[2][:200]
        notebook = requests.get(f"{server}/api/contents/index.ipynb?content=0", headers=sign_in, timeout=300)
        assert notebook.json()["type"] == "notebook"
        assert (tmp_path / "mine" / "index.ipynb").is_file()
        assert list(open_already(tmp_path / "mine")) == [f"http://localhost:{port}/lab?token={token}"]
        assert list(open_already(tmp_path / "another")) == []
        (server_process,) = psutil.Process(lab.pid).children()
        changed = {name for name, value in server_process.environ().items() if os.environ.get(name) != value}
        assert changed <= {"AZURE_SANDBOX_DIR", "JUPYTER_CONFIG_DIR", "LC_CTYPE"}
        os.killpg(lab.pid, signal.SIGINT)  # as a terminal does it
        said, _ = lab.communicate(timeout=300)
        assert lab.returncode == 0
        assert "The sandbox is ready" in said
        assert ("You are root" in said) == (os.geteuid() == 0)
        assert "JupyterLab has stopped. The sandbox still runs; to stop it: python -m sandbox stop" in said
        assert "running" in sandbox_command("status", "--json", directory=str(state))
    finally:
        if lab.poll() is None:
            os.killpg(lab.pid, signal.SIGKILL)
        sandbox_command("stop", directory=str(state))


def wait_for(url: str, headers: dict[str, str]) -> None:
    end = time.monotonic() + 300
    while True:
        try:
            if requests.get(url, headers=headers, timeout=300).ok:
                return
        except requests.ConnectionError:
            pass
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.mark.skipif(sys.platform == "win32", reason="HOME is a Unix variable")
def test_without_a_home_folder_it_says_what_is_needed_and_starts_nothing(tmp_path: Path) -> None:
    kept = ("JUPYTER_", "XDG_", "HOME", "AZURE_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(kept)}
    done = subprocess.run(
        [sys.executable, "-m", "workshop", "lab", "--folder", str(tmp_path / "mine"), "--", "--no-browser"],
        env={**environment, "HOME": os.devnull, "IPYTHONDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert re.search(
        r"^workshop: JupyterLab keeps files in /dev/null/\S+ .* variable HOME\.$", done.stderr, re.MULTILINE
    )
    assert "sandbox" not in done.stdout
