"""Systems that do not let a user make namespaces: each is told what is missing and how to allow it."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.cli import main
from tests.sandbox.guest.lab import Lab
from tests.sandbox.guest.launchers import WITH_A_CONTAINERS_PROFILE, WITHOUT_NAMESPACES

if sys.platform != "linux":
    pytest.skip("these are about Linux", allow_module_level=True)

from sandbox.guest.machine import not_permitted


def refused(lab: Lab, launcher: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", launcher, *lab.command(*words)[1:]]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.mark.usefixtures("namespaces")
@pytest.mark.parametrize(
    ("launcher", "hint"),
    [
        (WITHOUT_NAMESPACES, "sysctl -w user.max_user_namespaces="),
        (WITH_A_CONTAINERS_PROFILE, "--security-opt seccomp=unconfined"),
    ],
)
def test_a_refusal_by_the_kernel_is_one_clear_sentence_and_all_else_works(lab: Lab, launcher: str, hint: str) -> None:
    done = refused(lab, launcher, "shell", "myVM", "--", "echo", "inside")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("sandbox: The inside of a machine is made of Linux namespaces, which this system")
    assert hint in done.stderr and done.stderr.count("\n") == 1
    assert refused(lab, launcher, "status").returncode == 0
    assert "AZURE_POD_IDENTITY_AUTHORITY_HOST" in refused(lab, launcher, "env", "--vm", "myVM").stdout


@pytest.mark.parametrize(
    ("setting", "value", "number", "hint"),
    [
        ("user/max_user_namespaces", "0", errno.ENOSPC, "sysctl -w user.max_user_namespaces=15000"),
        ("kernel/unprivileged_userns_clone", "0", errno.EPERM, "sysctl -w kernel.unprivileged_userns_clone=1"),
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            errno.EACCES,
            "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        ("user/max_user_namespaces", "100", errno.ENOSPC, "as many as user.max_user_namespaces allows"),
        ("user/max_user_namespaces", "100", errno.ENOSYS, "built without them"),
        ("user/max_user_namespaces", "100", errno.EPERM, "--security-opt seccomp=unconfined"),
    ],
)
def test_the_remedy_goes_with_the_kernels_settings(
    tmp_path: Path, setting: str, value: str, number: int, hint: str
) -> None:
    (tmp_path / setting).parent.mkdir()
    (tmp_path / setting).write_text(f"{value}\n")
    assert hint in str(not_permitted(number, "make them", tmp_path))


def test_another_system_is_told_what_to_do_instead(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert main(["--data", str(tmp_path), "shell", "myVM"]) == 1
    assert "python -m sandbox env --vm myVM" in capsys.readouterr().err
