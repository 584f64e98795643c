"""What principals of the sandbox's own may be called: their names are parts of paths, and are printed."""

from __future__ import annotations

import re

_NAME = re.compile(r"(?!\.{1,2}$)[\w .@-]{1,120}")


def problem_with_name(name: str) -> str:
    """Return what a name that cannot be used should be; empty if it can be."""
    if _NAME.fullmatch(name):
        return ""
    shown = ascii(name) if not name.isprintable() else f"'{name}'"
    return (
        f"The principal name {shown} is not valid: it takes 1 to 120 letters, digits, spaces and the characters "
        "- . _ @, and is not just . or .."
    )
