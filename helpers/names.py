"""What Azure allows as names, said in a sentence before Azure is asked."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping

MADE_BY = "managed-identity-tutorial"  # the value of the tag "made-by" of whatever the course makes

_RULES: Mapping[str, tuple[str, str]] = {
    "subscription_id": (
        r"(?i:[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12})",
        "A subscription id is a GUID such as 00000000-0000-0000-0000-000000000000; empty: the sign-in's own.",
    ),
    "resource_group": (
        r"[\w.()-]{0,89}[\w()-]",
        "The name of a resource group has 1 to 90 letters, digits and the characters - _ . ( ), and does not end with "
        "a period.",
    ),
    "vm_name": (
        r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9_])?",
        "The name of a virtual machine has 1 to 64 letters, digits, hyphens, underscores and periods, starts with a "
        "letter or a digit, and does not end with a hyphen or a period.",
    ),
    "identity_name": (
        r"[A-Za-z0-9][A-Za-z0-9_-]{2,127}",
        "The name of an identity has 3 to 128 letters, digits, hyphens and underscores, and starts with a letter or a "
        "digit.",
    ),
    "location": (
        r"([a-z][a-z0-9]{1,49})?",
        "A location is a region's short name in lowercase letters and digits, such as eastus, or empty for the VM's.",
    ),
    "role": (r"\S(.{0,510}\S)?", "A role is given by its name, such as Reader."),
}


class ParameterError(ValueError):
    """A parameter of a notebook that cannot be used; the message says why, and is all that a notebook shows."""

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


def check_names(**names: str) -> list[dict[str, str]]:
    """Check names by Azure's rules, and return the rule that each follows, for showing.

    They are given as the notebooks' parameters are, such as ``identity_name="ID1"``. ParameterError says what is
    allowed, for all that are wrong.
    """
    if unknown := names.keys() - _RULES.keys():
        raise TypeError(f"There is no rule for {', '.join(sorted(unknown))}.")
    if problems := list(filter(None, itertools.starmap(_problem, names.items()))):
        raise ParameterError("\n".join(problems))
    rules = {name: sentence for name, (_, sentence) in _RULES.items()}
    if len(names.get("identity_name", "")) > 24:
        rules["identity_name"] += " Microsoft warns: to be assigned to a machine, it should have no more than 24."
    return [{"Parameter": name, "Value": value, "What Azure allows": rules[name]} for name, value in names.items()]


def group_and_name(resource_id: str) -> tuple[str, str]:
    """Return the group and the name of a resource."""
    parts = resource_id.split("/")
    return parts[4], parts[-1]


def _problem(name: str, value: object) -> str | None:
    pattern, sentence = _RULES[name]
    if not isinstance(value, str):
        return f"{name} must be text, but is {value!r}. (papermill keeps a value as text if it is given with -r.)"
    return None if re.fullmatch(pattern, value) else f"{name} = {value!r} is not allowed. {sentence}"
