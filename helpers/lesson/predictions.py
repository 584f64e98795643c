"""What a learner expects Azure to answer, beside what it answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import requests

_MEANS: Mapping[int, str] = {
    200: "whoever asks is known, and may do this",
    401: "whoever asks is not known: there is no token, or none for this service",
    403: "whoever asks is known, and may not do this",
    404: "there is nothing at this address",
}


@dataclass(frozen=True)
class Comparison:
    """A guess beside what came."""

    guess: object  # as the learner wrote it; None if they wrote nothing
    status: int

    def __repr__(self) -> str:
        came = f"{self.status}: {_MEANS.get(self.status, 'see the answer')}."
        guessed = str(self.guess).strip()
        if self.guess is None or self.guess is ...:
            return f"It was {came} (You had put no guess there.)"
        if guessed == str(self.status):
            return f"As you expected, it was {came}"
        known = {str(status): meaning for status, meaning in _MEANS.items()}
        if guessed not in known:
            return f"It was {came} (A guess is a status: {', '.join(known)}.)"
        return f"You expected {guessed}: {known[guessed]}. It was {came}"


def compare(guess: object, answer: requests.Response) -> Comparison:
    """Return how a guess, such as 403, compares with the answer's status; no guess is as good as any."""
    return Comparison(guess, answer.status_code)
