"""What Azure allows as names, said in a sentence before Azure is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class _Rule:
    subject: str
    pattern: re.Pattern[str]
    allowed: str

    @property
    def sentence(self) -> str:
        return f"{self.subject} {self.allowed}."


_RULES: Mapping[str, _Rule] = {
    "subscription_id": _Rule(
        "A subscription id",
        re.compile(r"(?i:[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12})"),
        "is a GUID such as 00000000-0000-0000-0000-000000000000, or empty for the only one that the sign-in sees",
    ),
    "resource_group": _Rule(
        "The name of a resource group",
        re.compile(r"[\w.()-]{0,89}[\w()-]"),
        "has 1 to 90 letters, digits and the characters - _ . ( ), and does not end with a period",
    ),
    "vm_name": _Rule(
        "The name of a virtual machine",
        re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9_])?"),
        "has 1 to 64 letters, digits, hyphens, underscores and periods, starts with a letter or a digit, "
        "and does not end with a hyphen or a period",
    ),
    "identity_name": _Rule(
        "The name of an identity",
        re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,127}"),
        "has 3 to 128 letters, digits, hyphens and underscores, and starts with a letter or a digit",
    ),
    "location": _Rule(
        "A location",
        re.compile(r"[a-z][a-z0-9]{1,49}"),
        "is a region's short name in small letters and digits, such as eastus",
    ),
    "role": _Rule("A role", re.compile(r"\S(.{0,510}\S)?"), "is given by its name, such as Reader"),
}


def check_names(**names: str) -> None:
    """Check names by Azure's rules; all that are wrong are named at once.

    Args:
        names: Values by the names of the notebooks' parameters, such as ``identity_name="ID1"``.

    Raises:
        ValueError: A name is not allowed; the message says what is.
        TypeError: There is no rule for such a parameter.
    """
    unknown = names.keys() - _RULES.keys()
    if unknown:
        raise TypeError(f"There is no rule for {', '.join(sorted(unknown))}.")
    problems = [problem for name, value in names.items() if (problem := _problem(name, value))]
    if problems:
        raise ValueError("\n".join(problems))


def rules(**names: str) -> list[dict[str, str]]:
    """Check ``names`` as `check_names` does, and return the rule that each follows, for showing."""
    check_names(**names)
    return [
        {"Parameter": name, "Value": value, "What Azure allows": _RULES[name].sentence} for name, value in names.items()
    ]


def _problem(name: str, value: object) -> str | None:
    rule = _RULES[name]
    if not isinstance(value, str):
        return f"{name} must be text, but is {value!r}. (papermill keeps a value as text if it is given with -r.)"
    if rule.pattern.fullmatch(value):
        return None
    return f"{name} = {value!r} is not allowed. {rule.sentence}"
