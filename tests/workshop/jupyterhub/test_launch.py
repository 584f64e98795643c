"""What the hub is started with, and what it is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workshop.classroom.lesson import class_of, learner
from workshop import jupyterhub
from workshop.classroom.folder import ClassFolder
from workshop.cli import main
from workshop.errors import UsageError, WorkshopError
from workshop.jupyterhub import installation as installing
from workshop.jupyterhub.installation import why_not
from workshop.jupyterhub.launch import HubAddress, hub_environment
from workshop.paths import ROOT

HERE = Path(jupyterhub.__file__).parent
PEM = Path("some.pem")


@pytest.mark.parametrize(
    "place",
    [
        HubAddress("http://127.0.0.1:8000"),
        HubAddress("http://localhost:8000"),
        HubAddress("http://[::1]:8000/class"),
        HubAddress("https://0.0.0.0:443", PEM, PEM),
    ],
)
def test_places_that_will_do(place: HubAddress) -> None:
    place.check()


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (HubAddress("http://0.0.0.0:8000"), "in the clear"),
        (HubAddress("http://hub.contoso.com"), "in the clear"),
        (HubAddress("https://0.0.0.0:443"), "https takes --certificate"),
        (HubAddress("http://127.0.0.1:8000", PEM, PEM), "and only https does"),
        (HubAddress("https://0.0.0.0:443", PEM), "go together"),
        (HubAddress("127.0.0.1:8000"), "an address such as"),
        (HubAddress("ftp://127.0.0.1"), "an address such as"),
    ],
)
def test_passwords_do_not_go_over_a_network_in_the_clear(place: HubAddress, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        place.check()


def test_the_hub_does_not_get_the_trainers_sign_in(tmp_path: Path) -> None:
    base = {"PATH": "/bin", "AZURE_CLIENT_SECRET": "x", "azure_sandbox_dir": "y", "MSI_SECRET": "z"}
    found = hub_environment(ClassFolder(tmp_path / "class"), HubAddress("https://0.0.0.0:443", PEM, PEM), base)
    assert found["PATH"] == "/bin"
    assert not {"x", "y", "z"} & set(found.values())
    assert found["WORKSHOP_HUB_CERTIFICATE"] == str(Path.cwd() / PEM)
    inside = [found["WORKSHOP_HUB_INTERNAL_URL"], found["WORKSHOP_HUB_PROXY_URL"]]
    assert len(set(inside)) == 2 and all(each.startswith("http://127.0.0.1:") for each in inside)


def test_before_anybody_can_sign_in_there_is_no_hub(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ClassFolder(tmp_path / "class")
    assert main(["hub", "--folder", str(folder.path)]) == 2
    assert "Begin with: python -m workshop plan" in capsys.readouterr().err
    folder.save(class_of([learner()]))
    assert main(["hub", "--folder", str(folder.path)]) == 2
    assert "Before this comes: python -m workshop provision --yes" in capsys.readouterr().err
    assert main(["hub", "--folder", str(folder.path), "--url", "http://0.0.0.0:80"]) == 2


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "sudo apt install npm" in why_not()
    with pytest.raises(WorkshopError, match="needs node and npm"):
        installing.ensure_installed(tmp_path / "hub")
    monkeypatch.setattr(installing, "_WINDOWS", True)
    assert "WSL" in why_not()


def test_what_is_installed_is_told_apart_by_what_it_was_made_of(installation: installing.Installation) -> None:
    before = installation.stamp.stat().st_mtime_ns
    done = subprocess.run(
        [sys.executable, "-m", "workshop", "hub", "--install"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "JupyterHub is installed" in done.stdout and "once" not in done.stdout
    assert installation.stamp.stat().st_mtime_ns == before


def test_the_constraints_name_what_the_lock_does_not() -> None:
    def names(path: Path) -> set[str]:
        lines = path.read_text("utf-8").splitlines()
        return {line.partition("==")[0].lower() for line in lines if "==" in line and not line.startswith(("#", " "))}

    own, locked = names(HERE / "constraints.txt"), names(ROOT / "requirements.txt")
    assert "jupyterhub" in own
    assert not own & locked


def test_the_environment_has_the_locked_versions(installation: installing.Installation) -> None:
    code = "import jupyterhub, jupyterlab, azure.identity; print(jupyterhub.__version__, jupyterlab.__version__)"
    told = subprocess.run(
        [installation.python, "-c", code], capture_output=True, text=True, check=True, cwd=os.sep
    ).stdout.split()
    assert f"jupyterhub=={told[0]}" in (HERE / "constraints.txt").read_text()
    assert f"jupyterlab=={told[1]}" in (ROOT / "requirements.txt").read_text()
