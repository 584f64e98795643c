"""What a learner has answered, and what is said to that: "Right", or a hint that fits the mistake."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from html import escape
from typing import Any, TypeVar

Client = TypeVar("Client")


class HintError(Exception):
    """The exercise is not solved; the message says what to look at."""


class NotSolvedError(AssertionError):
    """Nobody is there to read the hint: a run without a learner fails."""

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows in place of a traceback."""
        return [f"{type(self).__name__}: {self}"]


@dataclass(frozen=True)
class Verdict:
    """What a check says."""

    right: bool
    reason: str

    def __repr__(self) -> str:
        return f"{'Right' if self.right else 'Not yet'}: {self.reason}"

    def _repr_html_(self) -> str:
        return f"<strong>{'✓ Right' if self.right else '✗ Not yet'}:</strong> {escape(self.reason)}"


@dataclass(frozen=True)
class Answers:
    """A notebook's variables, as a check reads them: any of them may be missing, or something else than it should."""

    variables: Mapping[str, Any]

    def earlier(self, name: str) -> Any:
        """Return what a cell before the exercise has set."""
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

    def client(self, kind: Callable[..., Client]) -> Client:
        """Return a client of the SDK, as the one who signed in."""
        connection = self.earlier("connection")
        return kind(connection.credential, connection.subscription_id, **connection.client_options)


def exercise(check: Callable[[Answers], str]) -> Callable[[Mapping[str, Any]], Verdict]:
    """Make a check of a function that returns why an answer is right, or raises a hint.

    The check is called with the notebook's ``globals()``. If ``learner`` is true there, it returns its hint like any
    other answer, so that one may try again; else an exercise that is not solved fails the run.
    """

    @wraps(check)
    def answered(variables: Mapping[str, Any]) -> Verdict:
        try:
            return Verdict(True, check(Answers(variables)))
        except HintError as hint:
            if variables.get("learner"):
                return Verdict(False, str(hint))
            raise NotSolvedError(f"The exercise is not solved: {hint}") from None

    return answered
