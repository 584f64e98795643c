"""The class's folder on this computer: the plan, and for each learner what they sign in with and their notebooks.

Secrets are in files that only their owner can read.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workshop.classroom.classroom import Classroom, Learner
from workshop.errors import UsageError
from workshop.files import stage


@dataclass(frozen=True)
class ClassFolder:
    """Where what belongs to a class is kept."""

    path: Path

    @property
    def plan(self) -> Path:
        """The file with the class as it is planned."""
        return self.path / "class.json"

    @property
    def sign_ins(self) -> Path:
        """The list to cut into slips and hand out: who signs in to the hub with what."""
        return self.path / "sign-ins.csv"

    @property
    def hub(self) -> Path:
        """What the hub keeps."""
        return self.path / "hub"

    def of(self, learner: Learner) -> LearnerFolder:
        """Return the folder of one learner."""
        return LearnerFolder(self.path / "learners" / learner.handle)

    def make(self) -> None:
        """Make the folder, for its owner only.

        Raises:
            UsageError: It cannot be made.
        """
        make_private_folder(self.path)

    def save(self, classroom: Classroom) -> None:
        """Keep the plan."""
        self.make()
        write_private(self.plan, json.dumps(classroom.to_json(), indent=1, ensure_ascii=False) + "\n")

    def load(self) -> Classroom:
        """Return the class that was planned.

        Raises:
            UsageError: None was, or its file was spoilt.
        """
        found = self.find()
        if found is None:
            raise UsageError(f"No class is planned in {self.path}. Begin with: python -m workshop plan ROSTER.csv")
        return found

    def find(self) -> Classroom | None:
        """Return the class that was planned, or None.

        Raises:
            UsageError: Its file was spoilt.
        """
        try:
            return Classroom.from_json(json.loads(self.plan.read_text("utf-8")))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UsageError(f"{self.plan} cannot be read: {error.strerror}.") from error
        except (ValueError, KeyError, TypeError):
            raise UsageError(
                f"{self.plan} is spoilt. Plan the class again, or name its folder with --folder."
            ) from None


@dataclass(frozen=True)
class LearnerFolder:
    """Where what belongs to one learner is kept."""

    path: Path

    @property
    def environment(self) -> Path:
        """The variables that point Azure's clients to the sandbox, with the learner's secret: JSON."""
        return self.path / "environment.json"

    @property
    def shell_environment(self) -> Path:
        """The same for a shell to read in."""
        return self.path / "environment.sh"

    @property
    def authority(self) -> Path:
        """The learner's copy of the certificate authority to trust."""
        return self.path / "ca.pem"

    @property
    def notebooks(self) -> Path:
        """Their notebooks."""
        return self.path / "notebooks"

    def read_environment(self) -> dict[str, str] | None:
        """Return the variables; None if there are none that can be read."""
        try:
            content: Any = json.loads(self.environment.read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return content if isinstance(content, dict) else None

    def write_environment(self, variables: Mapping[str, str]) -> None:
        """Keep the variables, in both forms."""
        make_private_folder(self.path)
        write_private(self.environment, json.dumps(variables, indent=1) + "\n")
        lines = [f"export {name}='" + value.replace("'", "'\\''") + "'\n" for name, value in variables.items()]
        write_private(self.shell_environment, "".join(lines))

    def forget_environment(self) -> bool:
        """Delete what holds the learner's secret; the notebooks stay. Return whether there was anything."""
        files = [file for file in (self.environment, self.shell_environment, self.authority) if file.exists()]
        for file in files:
            file.unlink()
        return bool(files)


def make_private_folder(path: Path) -> None:
    """Make a folder that only its owner can look into; one that is there is left as it is.

    Raises:
        UsageError: It cannot be made.
    """
    try:
        missing = [each for each in (path, *path.parents) if not each.exists()]
        for each in reversed(missing):
            each.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The folder {path} cannot be made: {error.strerror}.") from error


def write_private(path: Path, text: str) -> None:
    """Write a file whole, for its owner only.

    Raises:
        OSError: The folder is missing, full or not writable.
    """
    mask = os.umask(0o077)  # so that it is private from its first moment
    try:
        staged = stage(path, text)
    finally:
        os.umask(mask)
    try:
        if sys.platform != "win32":
            staged.chmod(0o600)
        staged.replace(path)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
