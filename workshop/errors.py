"""What can go wrong while running notebooks for people, in sentences for the person at the keyboard.

Whatever reads, writes or starts something may raise one of these. A docstring names it where there is more to say.

WorkshopError            exit status 1
├── UsageError           exit status 2: what was asked for cannot be done, and nothing was run
└── SandboxError         the embedded sandbox did not start, stop or answer
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

INTERRUPTED = 130  # exit status, as shells have it for Ctrl-C


class WorkshopError(Exception):
    """The command cannot do what it should; the message says why."""

    exit_status = 1


class UsageError(WorkshopError):
    """What was asked for cannot be done, for ``problems`` of one sentence each; nothing has been run or written."""

    exit_status = 2

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class SandboxError(WorkshopError):
    """The embedded sandbox did not start, stop or answer."""


@contextmanager
def translate_os_errors(sentence: str, kind: type[WorkshopError] = WorkshopError) -> Iterator[None]:
    """Turn an OSError within the block into an error of this kind: the sentence, and the reason behind it."""
    try:
        yield
    except OSError as error:
        raise kind(f"{sentence}: {reason_of(error)}.") from error


def reason_of(error: OSError) -> str | None:
    """Return the system's reason; where a file was taken for a folder, or a folder for a file, what to do."""
    path = Path(error.filename2 or error.filename or "")  # the former is where something was to be moved to
    if isinstance(error, IsADirectoryError):
        return f"{path} is a folder; name a file"
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        for each in (path, *path.parents):
            if each.exists() and not each.is_dir():
                return f"{each} is a file; name a folder"
    return error.strerror
