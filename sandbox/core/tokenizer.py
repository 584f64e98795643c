"""Text in one of Azure's small languages, read from left to right, a word at a time."""

from __future__ import annotations

import re

END = ""
"""What stands behind the last word."""


class UnknownCharacterError(ValueError):
    """No word begins at the character with the index ``at``."""

    def __init__(self, at: int) -> None:
        super().__init__(f"no word begins at character {at + 1}")
        self.at = at


class Words:
    """The words of ``text``: what the first group of ``pattern`` matches, again and again.

    Raises:
        UnknownCharacterError: Something in between is none.
    """

    def __init__(self, text: str, pattern: re.Pattern[str]) -> None:
        self._words: list[str] = []
        self._at = 0
        at, end = 0, len(text.rstrip())
        while at < end:
            found = pattern.match(text, at)
            if found is None:
                raise UnknownCharacterError(at)
            self._words.append(found[1])
            at = found.end()

    def peek(self) -> str:
        """Return the next word, and stay in front of it."""
        return self._words[self._at] if self._at < len(self._words) else END

    def next(self) -> str:
        """Return the next word, and go on behind it."""
        word = self.peek()
        self._at += 1
        return word
