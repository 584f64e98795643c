"""The machine's own folder: what its inside has in the place of the host's files, and keeps between shells."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from rbac.scopes import canonical
from sandbox.core.files import write_private
from sandbox.state.state_directory import StateDirectory
from sandbox.web.tls import HOST_NAMES

METADATA_ADDRESS = "169.254.169.254"  # what a machine reaches its metadata service at
AZURE_ADDRESS = "192.0.2.1"  # where it finds Azure: of the range kept for documentation (RFC 5737), so nobody's

_HOSTS = Path("/etc/hosts")
_NAME_SERVICES = Path("/etc/nsswitch.conf")
_NAME_CACHE = Path("/var/run/nscd")
_BUNDLES = (
    Path("/etc/ssl/certs/ca-certificates.crt"),  # Debian, Alpine, Arch
    Path("/etc/pki/tls/certs/ca-bundle.crt"),  # Fedora, RHEL, Azure Linux
    Path("/etc/ssl/ca-bundle.pem"),  # SUSE
    Path("/etc/ssl/cert.pem"),  # OpenSSL's own default
)


def replacements() -> Iterator[tuple[str, Path]]:
    """Yield what is shown in the place of which of the system's files: the name in a machine's folder, and the file."""
    yield "hosts", _HOSTS
    if _NAME_SERVICES.exists():
        yield "nsswitch.conf", _NAME_SERVICES
    if _NAME_CACHE.is_dir():
        yield "nscd", _NAME_CACHE
    for file in dict.fromkeys(bundle.resolve() for bundle in _BUNDLES if bundle.exists()):
        yield "ca-bundle.pem", file


def folder_path(state: StateDirectory, machine_id: str) -> Path:
    """Return where the folder of the machine is or will be, whatever case its id is in."""
    key = canonical(machine_id)
    return state.machines / f"{key.rpartition('/')[2]}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def machine_folder(state: StateDirectory, machine_id: str) -> Path:
    """Return the machine's folder, made or brought up to date."""
    name = machine_id.rpartition("/")[2]
    folder = folder_path(state, machine_id)
    for path in (folder / "azure", folder / "nscd"):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = state.authority.read_bytes()
    bundle = next((file.read_bytes() for file in _BUNDLES if file.exists()), b"")
    write_private(folder / "ca.pem", authority)
    write_private(folder / "ca-bundle.pem", bundle + authority)
    write_private(folder / "hosts", _hosts(name).encode())
    if _NAME_SERVICES.exists():
        write_private(folder / "nsswitch.conf", _name_services(_NAME_SERVICES.read_text("utf-8")).encode())
    return folder


def _hosts(name: str) -> str:
    azure = " ".join(host for host in HOST_NAMES if host != "localhost")
    return f"127.0.0.1 localhost\n::1 localhost\n127.0.1.1 {name}\n{AZURE_ADDRESS} {azure}\n"


def _name_services(host: str) -> str:
    """Return the host's settings, with names of hosts looked up in the file only: no name server can be reached."""
    return re.sub(r"^hosts:.*$", "hosts: files", host, flags=re.MULTILINE)
