"""What the hub is started with, and what it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workshop.classroom.lesson import class_of, learner
from workshop import jupyterhub
from workshop.classroom.folder import ClassFolder
from workshop.cli import main
from workshop.errors import UsageError
from workshop.jupyterhub.launch import HubAddress, hub_environment

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
    base = {
        "PATH": "/bin",
        "AZURE_CLIENT_SECRET": "x",
        "azure_sandbox_dir": "y",
        "MSI_SECRET": "z",
        "IMDS_ENDPOINT": "a",
    }
    found = hub_environment(ClassFolder(tmp_path / "class"), HubAddress("https://0.0.0.0:443", PEM, PEM), base)
    assert found["PATH"] == "/bin"
    assert not {"x", "y", "z", "a"} & set(found.values())
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
