"""``python -m workshop hub``: JupyterHub for the class, until Ctrl-C."""

import math
import os
import signal
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from workshop.classroom.classroom import Classroom
from workshop.classroom.folder import ClassFolder
from workshop.command import run_by_root
from workshop.errors import UsageError, translate_os_errors
from workshop.files import make_private_folder
from workshop.jupyterhub.accounts import account_of, check_reachable, hand_over, open_way, take_user_ids, user_ids_file
from workshop.jupyterhub.installation import Installation, ensure_installed
from workshop.sandbox import without_azure

CONFIGURATION = Path(__file__).with_name("jupyterhub_config.py")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # where one listens, and where that is reached
_PAUSE = 0.5  # seconds between two looks whether the hub answers
_MEGABYTES, _MORE = 320, 65  # of memory, measured


@dataclass(frozen=True)
class HubAddress:
    """Where the hub can be reached."""

    url: str  # for browsers, such as http://127.0.0.1:8000
    certificate: Path | None = None  # PEM, for https
    key: Path | None = None  # the certificate's

    def check(self) -> None:
        """Refuse what would send passwords over a network in the clear."""
        wanted = f"--url takes an address such as https://0.0.0.0:8000, not '{self.url}'."
        try:
            parts = urlsplit(self.url)
            port = parts.port
        except ValueError:
            raise UsageError(wanted) from None
        if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
            raise UsageError(wanted)
        if (self.certificate is None) != (self.key is None):
            raise UsageError("--certificate and --key go together.")
        if (parts.scheme == "https") != (self.certificate is not None):
            raise UsageError("https takes --certificate and --key, and only https does.")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise UsageError(
                f"{self.url} would send passwords over the network in the clear. Use https with --certificate and "
                "--key, or listen on 127.0.0.1 behind something that has a certificate."
            )

    def try_out(self) -> None:
        """Refuse what the hub would refuse in its own way, or not at all: it goes on where its proxy has no port."""
        if self.certificate is not None and self.key is not None:
            _try_certificate(self.certificate, self.key)
        parts = urlsplit(self.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            family, *_, where = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)[0]
            socket.create_server(where[:2], family=family).close()
        except OSError as error:
            why = str(error.strerror).partition(" (")[0]
            root = " Ports below 1024 are root's." if port < 1024 and not run_by_root() else ""
            raise UsageError(f"The hub cannot listen at {self.url}: {why}. Name another --url.{root}") from error


def _try_certificate(certificate: Path, key: Path) -> None:
    for path in (certificate, key):
        with translate_os_errors(f"{path} cannot be read", UsageError):
            path.open("rb").close()
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        raise UsageError(f"{certificate} is no certificate in PEM whose key is {key}, without a password.") from error


def start_hub(folder: ClassFolder, address: HubAddress, memory: int, idle_minutes: float) -> int:
    """Start the hub and return its exit status when it has ended.

    Each process of a learner gets so many kilobytes of ``memory``, as the shell's ulimit counts them, and each server
    ends if nobody uses it for ``idle_minutes``; 0 for never.
    """
    address.check()
    classroom = folder.load()
    if not folder.sign_ins.exists():
        before = folder.command("provision --yes")
        raise UsageError(f"Nobody has a sign-in yet. Before this comes: {before}")
    address.try_out()
    installation = ensure_installed()
    make_private_folder(folder.hub)
    if run_by_root():
        _try_separate_users(folder, classroom, installation)
    print(f"Starting the hub of the class {classroom.name}. Ctrl-C ends it, and all servers.")
    print(f"Sign-ins are in {folder.sign_ins}; the trainer's leads to the page of all servers.", flush=True)
    print(f"Learners take some {_MEGABYTES} MB each with one notebook open, and {_MORE} MB for each further one.")
    if not run_by_root():
        print(
            "All servers run as you: learners can read each other's files, and yours. With sudo they cannot.",
            flush=True,
        )
    command = [str(installation.python), "-m", "jupyterhub", "--config", str(CONFIGURATION)]
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the hub, which then ends itself
    try:
        environment = hub_environment(folder, address, memory, idle_minutes, os.environ)
        with translate_os_errors("The hub cannot be started"):
            hub = subprocess.Popen(command, cwd=folder.hub, env=environment)
        return _wait(hub, (environment["WORKSHOP_HUB_INTERNAL_URL"], address.url))
    finally:
        signal.signal(signal.SIGINT, previous)


def _try_separate_users(folder: ClassFolder, classroom: Classroom, installation: Installation) -> None:
    """Find out before the class does whether learners, as users of their own, get at what they need."""
    user_ids = user_ids_file()
    take_user_ids(user_ids, classroom, classroom.learners)
    open_way(folder)
    provided = [learner for learner in classroom.learners if folder.of(learner).notebooks.is_dir()]
    for learner in provided[:1]:
        account = account_of(learner, folder, user_ids)
        hand_over(account)
        check_reachable(account, [str(installation.python)])


def hub_environment(
    folder: ClassFolder, address: HubAddress, memory: int, idle_minutes: float, base: Mapping[str, str]
) -> dict[str, str]:
    """Return the hub's environment: this process's without the trainer's sign-in, and what its configuration reads."""
    inside = {
        "WORKSHOP_HUB_INTERNAL_URL": f"http://127.0.0.1:{_free_port()}",
        "WORKSHOP_HUB_PROXY_URL": f"http://127.0.0.1:{_free_port()}",
    }
    secured = {"WORKSHOP_HUB_CERTIFICATE": address.certificate, "WORKSHOP_HUB_KEY": address.key}
    files = {name: str(path.absolute()) for name, path in secured.items() if path is not None}
    return {
        **without_azure(base),
        **inside,
        **files,
        "WORKSHOP_HUB_URL": address.url,
        "WORKSHOP_HUB_MEMORY_KILOBYTES": str(memory),
        "WORKSHOP_HUB_IDLE_SECONDS": str(math.ceil(60 * idle_minutes)),
        "WORKSHOP_CLASS_FOLDER": str(folder.path.absolute()),
    }


def _wait(hub: subprocess.Popen[bytes], urls: tuple[str, str]) -> int:
    """Wait for the hub, and say when it answers at its own address and browsers'; if told to end, tell it."""
    own, public = urls
    path = urlsplit(public).path.rstrip("/")
    try:
        while hub.poll() is None and not (
            answers(f"{own}{path}/hub/health") and answers(f"{public.rstrip('/')}/hub/health")
        ):
            time.sleep(_PAUSE)
        if hub.poll() is None:
            print(f"The hub answers at {public}", flush=True)
        return hub.wait()
    except KeyboardInterrupt:
        hub.terminate()
        hub.wait()
        raise


def answers(url: str) -> bool:
    """Return whether somebody answers there, on this computer.

    The certificate is for the name that browsers know, which need not lead here: it is not looked at, and nothing is
    sent that would be worth hiding.
    """
    parts = urlsplit(url)
    host = _EVERYWHERE.get(parts.hostname or "")
    here = parts._replace(netloc=f"{host}:{parts.port}" if host and parts.port else host or parts.netloc).geturl()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    straight = (urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with urllib.request.build_opener(*straight).open(here, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
