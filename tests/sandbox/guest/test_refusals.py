"""Systems that do not let a user make namespaces: each is told what is missing and how to allow it."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.cli import main
from tests.sandbox.guest.lab import Lab

if sys.platform != "linux":
    pytest.skip("these are about Linux", allow_module_level=True)

from sandbox.guest.refusals import not_permitted

# In a user namespace whose own limit of namespaces is 0, the kernel itself refuses to make one more.
WITHOUT_NAMESPACES = """
import os, sys
from pathlib import Path
from sandbox.guest import syscalls
from sandbox.guest.inside import _keep_user
user, group = os.geteuid(), os.getegid()
syscalls.unshare(syscalls.NEW_USER)
_keep_user(user, group)
Path("/proc/sys/user/max_user_namespaces").write_text("0")
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""

# A seccomp filter that answers unshare with EPERM, as the default profile of containers does: the program is four
# instructions of classic BPF (load the system call's number; if it is unshare's, return the error; else allow).
WITH_A_CONTAINERS_PROFILE = """
import ctypes, os, platform, struct, sys
unshare = {"x86_64": 272, "aarch64": 97, "riscv64": 97}[platform.machine()]
program = b"".join(struct.pack("HBBI", *instruction) for instruction in (
    (0x20, 0, 0, 0), (0x15, 0, 1, unshare), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7fff0000)))
buffer = ctypes.create_string_buffer(program)
header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 4, ctypes.addressof(buffer)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
assert libc.prctl(22, 2, ctypes.c_void_p(ctypes.addressof(header))) == 0, ctypes.get_errno()  # PR_SET_SECCOMP
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def refused(lab: Lab, launcher: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", launcher, *lab.command(*words)[1:]]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


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
