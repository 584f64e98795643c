"""What Azure allows as names, said in a sentence before Azure is asked."""

import itertools
import re
from collections.abc import Mapping

from helpers.data_files import read_data

MADE_BY = "managed-identity-tutorial"  # the value of the tag "made-by" of whatever the course makes

_RULES: Mapping[str, Mapping[str, str]] = read_data(__package__, "names.yaml")


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
    rules = {name: known["rule"] for name, known in _RULES.items()}
    if len(names.get("identity_name", "")) > 24:
        rules["identity_name"] += " Microsoft warns: to be assigned to a machine, it should have no more than 24."
    return [{"Parameter": name, "Value": value, "What Azure allows": rules[name]} for name, value in names.items()]


def group_and_name(resource_id: str) -> tuple[str, str]:
    """Return the group and the name of a resource."""
    parts = resource_id.split("/")
    return parts[4], parts[-1]


def _problem(name: str, value: object) -> str | None:
    known = _RULES[name]
    if not isinstance(value, str):
        return f"{name} must be text, but is {value!r}. (papermill keeps a value as text if it is given with -r.)"
    allowed = re.fullmatch(known["pattern"], value)
    return None if allowed else f"{name} = {value!r} is not allowed. {known['rule']}"
