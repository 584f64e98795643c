"""The scripts: one for each operating system."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from importlib.resources import files

_REQUEST = "@REQUEST@"  # stands where a request goes
_FILES = {"Linux": ("RunShellScript", "request.sh"), "Windows": ("RunPowerShellScript", "request.ps1")}


@dataclass(frozen=True, repr=False)
class Script:
    """What runs on a machine for each request; a notebook shows it, folded away."""

    command_id: str  # by which Run Command knows the language
    name: str
    text: str

    def with_request(self, literal: str) -> list[str]:
        """Return the lines, with a request in its place."""
        return self.text.replace(_REQUEST, literal).splitlines()

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return f"<details><summary>{self.name}</summary><pre>{escape(self.text)}</pre></details>"


def script_for(os_type: str) -> Script:
    """Return the script for ``"Linux"`` or ``"Windows"``."""
    command_id, name = _FILES[os_type]
    return Script(command_id, name, (files(__package__) / name).read_text("utf-8"))
