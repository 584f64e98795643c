"""Text of others on this computer's terminal: it is shown, and does nothing.

What is printed comes from notebooks, rosters and services. A terminal obeys the escape sequences in it: they move the
cursor, rename the window, fill the clipboard, or hide what was printed before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

_NOT_PRINTABLE = re.compile(
    r"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # strings, such as a window's title
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # control sequences, such as colours and movements
    r"|\x1b[ -/]*[0-~]"  # other escape sequences, such as a reset
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"  # other control characters; a tab and the end of a line stay
    r"|[\u202a-\u202e\u2066-\u2069]"  # what turns the direction of the text around it
)


def printable(text: str) -> str:
    """Return ``text`` without anything in it that a terminal obeys, but for tabs and ends of lines."""
    return text if text.isprintable() else _NOT_PRINTABLE.sub("", text)


def open_console(**options: Any) -> Console:
    """Return a console, with options of Rich's, that prints escape sequences of its own only."""
    from rich.console import Console

    class PrintableConsole(Console):
        def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
            for segment in super().render(renderable, options):
                yield segment if segment.control else segment._replace(text=printable(segment.text))

    return PrintableConsole(**options)
