"""Why this system does not let a user make namespaces, and what would change that."""

from __future__ import annotations

import errno
import os
from pathlib import Path

_SETTINGS = Path("/proc/sys")
_SWITCHES = (
    ("user/max_user_namespaces", "0", "15000"),
    ("kernel/unprivileged_userns_clone", "0", "1"),  # Debian's and Arch's own
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "0"),  # Ubuntu 23.10 and newer
)


class NotPermittedError(Exception):
    """The system does not permit what the inside of a machine is made of; the message says what and how to allow it."""


def not_permitted(number: int, step: str, settings: Path = _SETTINGS) -> NotPermittedError:
    """Return the refusal for the error ``number`` at ``step``, by what the kernel's ``settings`` say."""
    return NotPermittedError(
        "The inside of a machine is made of Linux namespaces, which this system does not let "
        f"{'you' if os.geteuid() else 'root'} make: to {step} failed with '{os.strerror(number)}'"
        f"{_remedy(number, settings)} Everything else of the sandbox works without."
    )


def _remedy(number: int, settings: Path) -> str:
    for name, refused, allowed in _SWITCHES:
        if _read(settings / name) == refused:
            setting = name.replace("/", ".")
            return f", since {setting} is {refused}. An administrator allows it: sysctl -w {setting}={allowed}"
    if number in (errno.ENOSYS, errno.EINVAL):
        return ", since the kernel was built without them."
    if number == errno.ENOSPC:
        return ", since there are as many as user.max_user_namespaces allows."
    return (
        ". In a container its security profile forbids it: start the container with "
        "--security-opt seccomp=unconfined --security-opt apparmor=unconfined"
    )


def _read(setting: Path) -> str | None:
    return setting.read_text().strip() if setting.exists() else None
