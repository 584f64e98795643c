"""What the class signs in to the hub with: a password for each learner and one for the trainer, to be handed out.

They are kept as they are, in a file that only its owner can read: whoever reads that can read every learner's Azure
credential beside it, too.
"""

from __future__ import annotations

import csv
import io
import secrets
from collections.abc import Sequence
from pathlib import Path

from workshop.classroom.classroom import Learner
from workshop.classroom.folder import write_private
from workshop.classroom.roster import TRAINER

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is read as something else
_HEADINGS = ("name", "sign-in", "password")


def read_passwords(path: Path) -> dict[str, str]:
    """Return the passwords by sign-in; none if there is no file."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    return {row["sign-in"]: row["password"] for row in csv.DictReader(io.StringIO(text))}


def write_passwords(path: Path, learners: Sequence[Learner]) -> int:
    """Give everybody a password who has none yet; whoever is in the class no more loses theirs.

    Returns:
        How many are new.

    Raises:
        OSError: The file cannot be written.
    """
    known = read_passwords(path)
    people = [("(trainer)", TRAINER), *((learner.name, learner.handle) for learner in learners)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADINGS)
    writer.writerows((name, sign_in, known.get(sign_in) or new_password()) for name, sign_in in people)
    write_private(path, text.getvalue())
    return sum(sign_in not in known for _, sign_in in people)


def new_password() -> str:
    """Return a password of 59 random bits that can be read out and typed."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(3))
