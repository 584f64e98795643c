"""The OS profile of a virtual machine: names and settings, but never the secrets that come with them."""

import re
from typing import Any

from sandbox.arm.compute.provider import missing
from sandbox.arm.compute.schema import merged
from sandbox.core import errors
from sandbox.core.data_files import read_data

_SECRETS = ("adminPassword", "customData")
_FORBIDDEN = re.compile(r"[`~!@#$%^&*()=+_\[\]{}\\|;:.'\",<>/?\s]")
_FORBIDDEN_SHOWN = "` ~ ! @ # $ % ^ & * ( ) = + _ [ ] { } \\ | ; : . ' \" , < > / ?"
_FORBIDDEN_LINUX = re.compile(r"[^A-Za-z0-9.-]|^[.-]|[.-]$")
_DATA = read_data(__file__, "os_profile.yaml")
_CLASSES = (r"[a-z]", r"[A-Z]", r"[0-9]", r"[^A-Za-z0-9]")
_PASSWORD_CLASSES = 3  # of these four, at least


def os_of(given: dict[str, Any]) -> str | None:
    """Return the operating system whose configuration an OS profile has, or None."""
    windows, linux = "windowsConfiguration" in given, "linuxConfiguration" in given
    if windows and linux:
        raise errors.refusal("InvalidParameter.twoSystems")
    return "Windows" if windows else "Linux" if linux else None


def fill(given: dict[str, Any], name: str, os_type: str) -> dict[str, Any]:
    """Return the whole profile of the machine ``name`` without its secrets."""
    computer_name, username = given.get("computerName") or name, given.get("adminUsername")
    _check_computer_name(computer_name, os_type)
    if not username:
        raise missing("osProfile.adminUsername")
    _check_username(username, os_type)
    if os_of(given) not in (None, os_type):
        raise errors.refusal("InvalidParameter.otherSystem", os_type)
    names = {"computerName": computer_name, "adminUsername": username}
    filled = merged({**names, **_DATA["defaults"][os_type]}, {**given, **names})
    for entry in filled.get("windowsConfiguration", {}).get("additionalUnattendContent", ()):
        entry.pop("content", None)  # it may hold a password
    return {member: value for member, value in filled.items() if member not in _SECRETS}


def check_credentials(given: dict[str, Any], os_type: str) -> None:
    """Refuse a new machine that nobody could sign in to, or with a password that is too weak."""
    password = given.get("adminPassword")
    keys = given.get("linuxConfiguration", {}).get("ssh", {}).get("publicKeys", [])
    if not all(key.get("keyData") for key in keys):
        raise missing("linuxConfiguration.ssh.publicKeys.keyData")
    if password is None and os_type == "Windows":
        raise missing("adminPassword")
    if password is None and not keys:
        raise errors.refusal("InvalidParameter.authentication")
    if password is not None:
        _check_password(password, os_type)


def _check_password(password: str, os_type: str) -> None:
    low, high = (8, 123) if os_type == "Windows" else (6, 72)
    classes = sum(re.search(kind, password) is not None for kind in _CLASSES)
    if not low <= len(password) <= high or classes < _PASSWORD_CLASSES:
        raise errors.refusal("InvalidParameter.password", low, high, _PASSWORD_CLASSES)


def _check_computer_name(name: str, os_type: str) -> None:
    if os_type == "Windows" and (len(name) > 15 or name.isdigit() or _FORBIDDEN.search(name)):
        raise errors.refusal("InvalidParameter.windowsName", _FORBIDDEN_SHOWN)
    if os_type == "Linux" and (len(name) > 64 or _FORBIDDEN_LINUX.search(name)):
        raise errors.refusal("InvalidParameter.linuxName", _FORBIDDEN_SHOWN)


def _check_username(name: str, os_type: str) -> None:
    longest = 20 if os_type == "Windows" else 64
    if len(name) > longest or name.lower() in _DATA["forbidden_users"]:
        raise errors.refusal("InvalidParameter.username", longest)
