"""The class's folder on this computer: the plan, the sign-ins for the hub, each learner's credential and notebooks.

Secrets are in files that only their owner can read. Passwords are kept as they are: whoever can read their file can
read every learner's Azure credential beside it, too.
"""

from __future__ import annotations

import csv
import io
import json
import secrets
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from workshop.classroom.classroom import TRAINER, Classroom, Learner
from workshop.csv_files import csv_text
from workshop.errors import UsageError, translate_os_errors
from workshop.files import make_private_folder, write_private
from workshop.paths import CLASS

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is read as something else
_HEADINGS = ("name", "sign-in", "password")


class ClassFolder:
    """Where what belongs to a class is kept."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.plan = path / "class.json"  # the class as it is planned
        self.sign_ins = path / "sign-ins.csv"  # to cut into slips and hand out: who signs in to the hub with what
        self.hub = path / "hub"  # what the hub keeps

    def command(self, words: str) -> str:
        """Return a command of ``python -m workshop`` for this class, as it can be typed."""
        folder = "" if self.path == CLASS else f" --folder {shlex.quote(str(self.path))}"
        return f"python -m workshop {words}{folder}"

    def of(self, learner: Learner) -> LearnerFolder:
        """Return the folder of one learner."""
        return LearnerFolder(self.path / "learners" / learner.handle)

    def save(self, classroom: Classroom) -> None:
        """Keep the plan."""
        make_private_folder(self.path)
        write_private(self.path / ".gitignore", "*\n")
        write_private(self.plan, json.dumps(asdict(classroom), indent=1, ensure_ascii=False) + "\n")

    def load(self) -> Classroom:
        """Return the class that was planned; raise UsageError if none was."""
        found = self.find()
        if found is None:
            begin = self.command("plan ROSTER.csv")
            raise UsageError(f"No class is planned in {self.path}. Begin with: {begin}")
        return found

    def find(self) -> Classroom | None:
        """Return the class that was planned, or None; raise UsageError if its file is corrupt."""
        try:
            with translate_os_errors(f"{self.plan} cannot be read", UsageError), suppress(FileNotFoundError):
                return Classroom.from_json(json.loads(self.plan.read_text("utf-8")))
            return None
        except (ValueError, KeyError, TypeError):
            raise UsageError(
                f"{self.plan} is corrupt. Plan the class again, or name its folder with --folder."
            ) from None


class LearnerFolder:
    """Where what belongs to one learner is kept."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.environment = path / "environment.json"  # what points Azure's clients to the sandbox, with their secret
        self.shell_environment = path / "environment.sh"  # the same for a shell to read in
        self.authority = path / "ca.pem"  # their copy of the certificate authority to trust
        self.notebooks = path / "notebooks"
        self.server_log = path / "server.log"  # what their server at the hub says

    def read_environment(self) -> dict[str, str] | None:
        """Return the variables; None if there are none that can be read."""
        try:
            content: Any = json.loads(self.environment.read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return content if isinstance(content, dict) else None

    def has_credential(self, client_id: str) -> bool:
        """Return whether the credential of the principal with this client id is kept."""
        kept = self.read_environment() or {}
        return kept.get("AZURE_CLIENT_ID") == client_id and bool(kept.get("AZURE_CLIENT_SECRET"))

    def write_environment(self, variables: Mapping[str, str]) -> None:
        """Keep the variables, in both forms."""
        make_private_folder(self.path)
        write_private(self.environment, json.dumps(variables, indent=1) + "\n")
        lines = [f"export {name}='" + value.replace("'", "'\\''") + "'\n" for name, value in variables.items()]
        write_private(self.shell_environment, "".join(lines))

    def forget_environment(self) -> None:
        """Delete what holds the learner's secret; the notebooks stay."""
        for file in (self.environment, self.shell_environment, self.authority):
            file.unlink(missing_ok=True)


def read_passwords(path: Path) -> dict[str, str]:
    """Return the passwords by sign-in; none if there is no file."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    return {row["sign-in"]: row["password"] for row in csv.DictReader(io.StringIO(text))}


def write_passwords(path: Path, learners: Sequence[Learner]) -> int:
    """Give everybody a password who has none yet; return how many are new. Whoever is no longer there loses theirs."""
    known = read_passwords(path)
    people = [("(trainer)", TRAINER), *((learner.name, learner.handle) for learner in learners)]
    rows = [(name, sign_in, known.get(sign_in) or new_password()) for name, sign_in in people]
    write_private(path, csv_text([_HEADINGS, *rows]))
    return sum(sign_in not in known for _, sign_in in people)


def new_password() -> str:
    """Return a password of 59 random bits that can be read out and typed."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(3))


def parameters_of(classroom: Classroom, learner: Learner) -> dict[str, str]:
    """Return a learner's values for the notebooks' parameters."""
    return {
        "target": classroom.target,
        "subscription_id": classroom.subscription_id,
        "resource_group": learner.resource_group,
        "vm_name": learner.vm_name,
        "identity_name": learner.identity_name,
        "location": classroom.location,
    }
