"""What a learner has answered or expects, and what is said to that."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from html import escape
from typing import Any

import requests

from helpers.data_files import read_data
from helpers.errors import TutorialError, about_status

_GUESSES = ("200", "401", "403", "404")
RIGHT = "Right"
_HINTS = read_data(__package__, "hints.yaml")


class HintError(TutorialError):
    """The exercise is not solved; the message says what to look at."""


@dataclass(frozen=True)
class Reply:
    """What is said to a learner."""

    verdict: str
    reason: str

    def __repr__(self) -> str:
        return f"{self.verdict}: {self.reason}"

    def _repr_html_(self) -> str:
        return f"<strong>{escape(self.verdict)}:</strong> {escape(self.reason)}"


@dataclass(frozen=True)
class Notebook:
    """A notebook's variables. What earlier cells have set is an attribute; if one has not run, a hint says so."""

    variables: Mapping[str, Any]
    hints: Mapping[str, str]  # of the exercise, by what they are for

    def __getattr__(self, name: str) -> Any:
        if self.variables.get(name) is None:
            raise HintError(f"run the cells above first, from the top of the notebook: {name} is not there.")
        return self.variables[name]

    def answer(self, name: str, kind: type | tuple[type, ...], what: str) -> Any:
        """Return the answer that the exercise calls ``name``; ``what`` it should be is for the hint if it is not."""
        found = self.variables.get(name)
        if found is None or found is ...:
            raise HintError(f"the answer is missing. Put {what} into the variable {name}.")
        if not isinstance(found, kind):
            raise HintError(f"{name} should be {what}, but is of the type {type(found).__name__}.")
        return found

    def hint_if(self, wrong: object, hint: str, *about: object) -> None:
        """Give the hint of this name if something is wrong."""
        if wrong:
            raise HintError(self.hints[hint].format(*about))


def exercise(check: Callable[[Notebook], str | None]) -> Callable[[Mapping[str, Any]], Reply]:
    """Make a check, for a notebook's ``globals()``, of what gives a hint unless the answer is right.

    For a ``learner``, the hint is returned, so that one may try again; else what is not solved fails the run.
    """

    @wraps(check)
    def answered(variables: Mapping[str, Any]) -> Reply:
        hints = _HINTS[check.__name__]
        try:
            more = check(Notebook(variables, hints))
        except HintError as hint:
            if variables.get("learner"):
                return Reply("Not yet", str(hint))
            raise TutorialError(f"The exercise is not solved: {hint}") from None
        return Reply(RIGHT, hints["right"] + (more or ""))

    return answered


def compare(guess: object, answer: requests.Response) -> Reply:
    """Return how a guess, such as 403, compares with the answer's status; no guess is as good as any."""
    status, guessed = str(answer.status_code), str(guess).strip()
    meaning = about_status(status).get("means", "See the answer.")
    if guessed == status:
        return Reply(f"As you expected, it was {status}", meaning)
    if guessed in _GUESSES:
        return Reply(
            f"You expected {guessed}, and it was {status}",
            f"{meaning} {guessed} would say: {about_status(guessed)['means']}",
        )
    return Reply(f"It was {status}", f"{meaning} (You had made no guess, which would be one of {', '.join(_GUESSES)}.)")
