"""``python -m sandbox shell``: what is passed on to a command inside a machine, and what is kept from it."""

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.sandbox.guest.lab import Lab
from tests.sandbox.guest.processes import PATIENCE, processes_named, wait_until

if sys.platform != "linux":
    pytest.skip("the inside of a machine needs Linux", allow_module_level=True)

import pty

pytestmark = pytest.mark.usefixtures("namespaces")

ELSEWHERE = "198.51.100.7"  # of a range that is nobody's (RFC 5737): only ever asked from inside


# --- passed on ---------------------------------------------------------------------------------------------------


def test_input_output_and_status_are_passed_on(lab: Lab) -> None:
    done = lab.inside("myVM", "sh", "-c", "tr a-z A-Z; echo oops >&2; exit 7", input="hello")
    assert (done.stdout, done.stderr, done.returncode) == ("HELLO", "oops\n", 7)


def test_arguments_are_passed_as_they_are(lab: Lab) -> None:
    words = ["--", "-x", "a b", "$HOME", "", "--data"]
    program = "import json, sys; print(json.dumps(sys.argv[1:]))"
    assert json.loads(lab.inside("myVM", sys.executable, "-c", program, *words).stdout) == words


def test_the_folder_is_the_one_it_was_started_in(lab: Lab, tmp_path: Path) -> None:
    command = lab.command("shell", "myVM", "--", "pwd")
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.stdout == f"{tmp_path}\n"


def test_a_machine_is_found_by_its_id_in_any_case(lab: Lab) -> None:
    assert lab.inside(lab.machine("web").upper(), "hostname").stdout == "web\n"


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [("no-such-program", 127, "No such file or directory"), ("/etc/hosts", 126, "Permission denied")],
)
def test_a_command_that_cannot_be_run_is_said(lab: Lab, command: str, status: int, said: str) -> None:
    done = lab.inside("myVM", command)
    assert (done.returncode, done.stderr) == (status, f"sandbox: {command}: {said}\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_reaches_the_command(lab: Lab, number: signal.Signals) -> None:
    name = number.name.removeprefix("SIG")
    script = f"trap 'echo got; exit 5' {name}; echo ready; while :; do sleep 0.05; done"
    process = lab.start_inside("myVM", "sh", "-c", script)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.send_signal(number)
    assert process.communicate(timeout=PATIENCE)[0] == "got\n"
    assert process.returncode == 5


def test_a_command_ended_by_a_signal_gives_a_shells_status(lab: Lab) -> None:
    assert lab.inside("myVM", "sh", "-c", "kill -KILL $$").returncode == 128 + signal.SIGKILL


def test_a_broken_pipe_ends_a_command_as_in_any_shell(lab: Lab) -> None:
    assert lab.inside("myVM", "sh", "-c", "yes | head -n 1; echo done").stdout == "y\ndone\n"
    words = lab.command("shell", "myVM", "--", "yes")
    process = subprocess.Popen(words, stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"y\n"
    process.stdout.close()
    assert process.wait(PATIENCE) == 128 + signal.SIGPIPE


# --- at a terminal -----------------------------------------------------------------------------------------------


class Terminal:
    """A command at a terminal of its own."""

    def __init__(self, command: list[str], **environment: str) -> None:
        self.pid, self._screen = pty.fork()
        if self.pid == 0:
            os.execve(command[0], command, {**os.environ, **environment})
        self._shown = ""

    def type(self, text: str) -> None:
        os.write(self._screen, text.encode())

    def read_until(self, pattern: str) -> str:
        """Read what is shown until ``pattern`` is in it; return that and what came before."""
        end = time.monotonic() + PATIENCE
        while (found := re.search(pattern, self._shown)) is None:
            ready = select.select([self._screen], [], [], max(end - time.monotonic(), 0))[0]
            assert ready, self._shown
            self._shown += os.read(self._screen, 4096).decode()
        before, self._shown = self._shown[: found.end()], self._shown[found.end() :]
        return before

    def finish(self) -> int:
        """Wait for the command's end; return its status."""
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self._screen)
        return status


def test_a_shell_opens_at_a_terminal_and_its_status_is_passed_on(lab: Lab) -> None:
    terminal = Terminal(lab.command("shell", "myVM"), SHELL="/bin/sh", PS1="prompt> ")
    assert "You are inside myVM." in terminal.read_until("prompt> ")
    terminal.type("echo on $(hostname)\n")
    terminal.read_until("\non myVM\r\n")
    terminal.type("exit 3\n")
    assert terminal.finish() == 3


COUNT_INTERRUPTS = (
    "import os, signal, sys; count = []\n"
    "if 'leave' in sys.argv: os.setsid()\n"
    "signal.signal(signal.SIGINT, lambda *_: count.append(1))\n"
    "print('ready', flush=True); input()\n"
    "print('once more', flush=True); input()\n"
    "print('got', len(count), flush=True)"
)


def is_done_with_interrupts(process: psutil.Process) -> bool:
    """Whether it waits for something else, with no interrupt yet to be taken."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    pending = re.findall(r"^(?:SigPnd|ShdPnd):\s*(\w+)$", status, re.MULTILINE)
    is_pending = any(int(each, 16) >> (signal.SIGINT - 1) & 1 for each in pending)
    return process.status() == psutil.STATUS_SLEEPING and not is_pending


@pytest.mark.parametrize(("words", "times"), [((), 1), (("leave",), 0)])
def test_control_c_comes_from_the_terminal_alone(lab: Lab, words: tuple[str, ...], times: int) -> None:
    """A command that has left the terminal shows whether somebody else passes the signal on as well."""
    command = lab.command("shell", "myVM", "--", sys.executable, "-c", COUNT_INTERRUPTS, *words)
    terminal = Terminal(command)
    terminal.read_until("ready")
    terminal.type("\x03\n")
    terminal.read_until("once more")  # the terminal has sent the signal before the line
    whoever_could = psutil.Process(terminal.pid)
    wait_until(lambda: all(map(is_done_with_interrupts, [whoever_could, *whoever_could.children(recursive=True)])))
    terminal.type("\n")
    assert terminal.read_until(r"got \d").endswith(f"got {times}")
    assert terminal.finish() == 0


# --- kept from it ------------------------------------------------------------------------------------------------


def test_nothing_else_on_the_network_can_be_reached(lab: Lab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as outside:
        places = [(ELSEWHERE, 443), ("169.254.169.253", 80), ("168.63.129.16", 80), outside.getsockname()]
        program = f"""
import errno, json, socket
said = []
for place in {places!r}:
    try:
        socket.create_connection(tuple(place), timeout=300).close()
        said.append("reached")
    except OSError as error:
        said.append(errno.errorcode[error.errno])
print(json.dumps(said))
"""
        assert lab.python("myVM", program) == ["ENETUNREACH", "ENETUNREACH", "ENETUNREACH", "ECONNREFUSED"]


def test_other_names_do_not_resolve_and_fail_at_once(lab: Lab) -> None:
    program = """
import json, socket
try: socket.getaddrinfo("example.org", 443)
except socket.gaierror as error: reason = error.errno
print(json.dumps([socket.gethostbyname("management.azure.com"), reason]))
"""
    address, reason = lab.python("myVM", program)
    assert address == "192.0.2.1"
    if Path("/etc/nsswitch.conf").exists():
        assert lab.inside("myVM", "grep", "^hosts:", "/etc/nsswitch.conf").stdout == "hosts: files\n"
        assert reason == socket.EAI_NONAME  # final; where a server was asked in vain: EAI_AGAIN


def test_the_sandboxs_own_state_cannot_be_opened(lab: Lab) -> None:
    program = f"import json, os; print(json.dumps(sorted(os.listdir({str(lab.data)!r}))))"
    assert set(lab.python("myVM", program)) == {"azure", "ca.pem", "ca-bundle.pem", "hosts", "nscd", "nsswitch.conf"}
    assert (lab.data / "operator.json").exists()


def test_the_command_is_the_same_user_without_more_rights(lab: Lab) -> None:
    program = """
import json, os
effective = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("CapEff"))
print(json.dumps([os.getuid(), os.geteuid(), os.getgid(), int(effective, 16)]))
"""
    user, effective_user, group, rights = lab.python("myVM", program)
    assert (user, effective_user, group) == (os.geteuid(), os.geteuid(), os.getegid())
    assert os.geteuid() == 0 or rights == 0


def test_files_written_inside_belong_to_the_user(lab: Lab, tmp_path: Path) -> None:
    lab.inside("myVM", "touch", str(tmp_path / "made"))
    made = (tmp_path / "made").stat()
    assert (made.st_uid, made.st_gid) == (os.geteuid(), os.getegid())


# --- nothing left behind, nothing seen outside -------------------------------------------------------------------


def test_nothing_of_it_is_seen_outside(lab: Lab) -> None:
    mounts, hosts = Path("/proc/self/mountinfo").read_text(), Path("/etc/hosts").read_bytes()
    process = lab.start_inside("myVM", "sh", "-c", "echo ready; read go")
    try:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        assert Path("/proc/self/mountinfo").read_text() == mounts
        assert Path("/etc/hosts").read_bytes() == hosts
        assert socket.gethostname() != "myVM"
        with socket.socket() as probe, pytest.raises(OSError):
            probe.bind(("192.0.2.1", 0))  # an address of the machine's network, and of no interface here
        assert (lab.data / "operator.json").exists()
    finally:
        process.communicate("\n", timeout=PATIENCE)
    assert process.returncode == 0


def test_all_it_started_ends_with_it(lab: Lab) -> None:
    mark = f"87{os.getpid()}"
    script = f"setsid nohup sleep {mark} >/dev/null 2>&1 & (sleep {mark} &) ; sleep {mark} & echo started"
    assert lab.inside("myVM", "sh", "-c", script).stdout == "started\n"
    assert processes_named(mark) == []


def test_the_command_ends_when_what_serves_its_network_is_killed(lab: Lab) -> None:
    mark = f"88{os.getpid()}"
    process = lab.start_inside("myVM", "sh", "-c", f"echo ready; exec sleep {mark}")
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.kill()
    process.communicate(timeout=PATIENCE)
    wait_until(lambda: processes_named(mark) == [])


def test_it_can_be_made_to_end_with_its_parent(lab: Lab) -> None:
    mark = f"89{os.getpid()}"
    words = lab.command("shell", "--end-with-parent", "myVM", "--", "sh", "-c", f"(sleep {mark} &); sleep {mark}")
    program = f"import subprocess, time; subprocess.Popen({words!r}); time.sleep(60)"
    parent = subprocess.Popen([sys.executable, "-c", program])
    wait_until(lambda: len(processes_named(mark)) == 2)
    parent.kill()
    parent.wait()
    wait_until(lambda: processes_named(mark) == [])


def test_insisting_ends_a_command_that_does_not_listen(lab: Lab) -> None:
    mark = f"90{os.getpid()}"
    script = f"trap '' TERM; echo ready; while :; do sleep {mark}; done"
    process = lab.start_inside("myVM", "sh", "-c", script, flags=["--end-with-parent"])
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.terminate()
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGTERM
    assert processes_named(mark) == []


# --- machines that do not run ------------------------------------------------------------------------------------


def test_a_machine_that_does_not_run_has_no_inside(lab: Lab) -> None:
    done = lab.inside("nope", "true")
    assert done.returncode == 1
    assert done.stderr.startswith("sandbox: No virtual machine 'nope' is running. Running are: ")


def test_without_a_sandbox_it_says_what_to_do(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "sandbox", "--data", str(tmp_path), "shell", "myVM", "--", "true"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (
        1,
        "sandbox: The sandbox is not running. Start it: python -m sandbox start\n",
    )


def test_a_machine_that_stops_refuses_connections_until_it_runs_again(lab: Lab) -> None:
    """Beside a connection that was open before: its socket is still there when the address is listened at again."""
    lab.add_linux_machine("batch")
    program = """
import errno, socket, sys
held = socket.create_connection(("169.254.169.254", 80))
for line in sys.stdin:
    try:
        socket.create_connection(("169.254.169.254", 80), timeout=300).close()
        print("connected", flush=True)
    except OSError as error:
        print(errno.errorcode[error.errno], flush=True)
"""
    process = lab.start_inside("batch", sys.executable, "-c", program)

    def connect() -> str:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write("go\n")
        return process.stdout.readline().strip()

    try:
        assert connect() == "connected"
        lab.arm("POST", f"{lab.machine('batch')}/powerOff")
        wait_until(lambda: connect() == "ECONNREFUSED")
        lab.arm("POST", f"{lab.machine('batch')}/start")
        wait_until(lambda: connect() == "connected")
    finally:
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
