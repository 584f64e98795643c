"""The states of a row, or of a notebook in it."""

from enum import StrEnum


class State(StrEnum):
    """Where a row is.

    A row is pending until it runs, and again if it is to run once more. It ends completed or failed; skipped if an
    earlier failure ended the batch before it was begun; cancelled if the user did, or the disk was full.
    """

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
