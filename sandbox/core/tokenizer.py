"""The tokens of a text in one of Azure's small languages, from left to right."""

import re

END = ""
"""What follows the last token."""


class UnknownCharacterError(ValueError):
    """No token begins at the character with the index ``at``."""

    def __init__(self, at: int) -> None:
        super().__init__(f"no token begins at character {at + 1}")
        self.at = at


class Tokenizer:
    """The tokens of ``text``: what the first group of ``pattern`` matches, again and again.

    Raises UnknownCharacterError where something in between is not a token.
    """

    def __init__(self, text: str, pattern: re.Pattern[str]) -> None:
        self._tokens: list[str] = []
        self._at = 0
        at, end = 0, len(text.rstrip())
        while at < end:
            found = pattern.match(text, at)
            if found is None:
                raise UnknownCharacterError(at)
            self._tokens.append(found[1])
            at = found.end()

    def peek(self) -> str:
        """Return the next token without consuming it."""
        return self._tokens[self._at] if self._at < len(self._tokens) else END

    def next(self) -> str:
        """Return the next token and consume it."""
        token = self.peek()
        self._at += 1
        return token

    def accept(self, token: str) -> bool:
        """Consume the next token if it is ``token``; return whether it was."""
        accepted = self.peek() == token
        self._at += accepted
        return accepted
