"""The tokens of a text in one of Azure's small languages, from left to right."""

import re

END = ""
"""What follows the last token."""


class NotUnderstoodError(ValueError):
    """A text is not in the language; the message says where."""


class Tokenizer:
    """The tokens of ``text``: what the first group of ``pattern`` matches, again and again.

    Raises NotUnderstoodError where something in between is not a token.
    """

    def __init__(self, text: str, pattern: re.Pattern[str]) -> None:
        self._tokens: list[str] = []
        self._at = 0
        at, end = 0, len(text.rstrip())
        while at < end:
            found = pattern.match(text, at)
            if found is None:
                raise NotUnderstoodError(f"character {at + 1} of '{text}' is not understood")
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

    def expect(self, token: str) -> None:
        """Consume the next token; raises NotUnderstoodError if it is not ``token``."""
        found = self.next()
        if found != token:
            raise NotUnderstoodError(f"'{found}' stands where '{token or 'the end'}' is expected")
