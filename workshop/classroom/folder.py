"""The class's folder on this computer: the plan, the sign-ins for the hub, each learner's credential and notebooks.

Secrets are in files that only their owner can read. Passwords are kept as they are: whoever can read their file can
read every learner's Azure credential beside it, too.
"""

from __future__ import annotations

import ast
import csv
import io
import json
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workshop.classroom.roster import TRAINER, Classroom, Learner
from workshop.errors import UsageError
from workshop.files import csv_text, make_private_folder, notebook_text, read_notebook, write_private, write_whole
from workshop.notebooks.series import Notebook, find_series

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is read as something else
_HEADINGS = ("name", "sign-in", "password")
_PICTURES = "images"
_TAG = "parameters"


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

    def save(self, classroom: Classroom) -> None:
        """Keep the plan."""
        make_private_folder(self.path)
        write_private(self.plan, json.dumps(classroom.to_json(), indent=1, ensure_ascii=False) + "\n")

    def load(self) -> Classroom:
        """Return the class that was planned.

        Raises:
            UsageError: None was, or its file is corrupt.
        """
        found = self.find()
        if found is None:
            raise UsageError(f"No class is planned in {self.path}. Begin with: python -m workshop plan ROSTER.csv")
        return found

    def find(self) -> Classroom | None:
        """Return the class that was planned, or None.

        Raises:
            UsageError: Its file is corrupt.
        """
        try:
            return Classroom.from_json(json.loads(self.plan.read_text("utf-8")))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UsageError(f"{self.plan} cannot be read: {error.strerror}.") from error
        except (ValueError, KeyError, TypeError):
            raise UsageError(
                f"{self.plan} is corrupt. Plan the class again, or name its folder with --folder."
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

    @property
    def server_log(self) -> Path:
        """What their server at the hub says."""
        return self.path / "server.log"

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


def copy_notebooks(folder: Path, parameters: Mapping[str, str]) -> list[Path]:
    """Write those notebooks that ``folder`` does not have yet; what a learner has worked in is never overwritten.

    Returns:
        What was written.

    Raises:
        UsageError: There are no notebooks, or one does not declare these parameters.
        OSError: The folder cannot be written.
    """
    series = find_series()
    make_private_folder(folder)
    pictures = series[0].path.parent / _PICTURES
    if pictures.is_dir():
        shutil.copytree(pictures, folder / _PICTURES, dirs_exist_ok=True)
    missing = [notebook for notebook in series if not (folder / notebook.path.name).exists()]
    for notebook in missing:
        write_whole(folder / notebook.path.name, filled_in(notebook, parameters))
    return [folder / notebook.path.name for notebook in missing]


def set_aside(folder: Path) -> Path | None:
    """Move a folder of notebooks out of the way; return where to, or None if there is none."""
    if not folder.exists():
        return None
    number = 1
    while (backup := folder.with_name(f"{folder.name}-before-reset-{number}")).exists():
        number += 1
    return folder.rename(backup)


def filled_in(notebook: Notebook, parameters: Mapping[str, str]) -> str:
    """Return the text of a notebook with these values in its cell of parameters, and without outputs.

    Raises:
        UsageError: It has no such cell, or does not declare one of them.
    """
    node = read_notebook(notebook.path)
    cells = [cell for cell in node.cells if _TAG in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise UsageError(f"{notebook.path} should have one cell tagged '{_TAG}', but has {len(cells)}.")
    cells[0].source = with_values(cells[0].source, parameters)
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook_text(node)


def with_values(source: str, values: Mapping[str, str]) -> str:
    """Return lines such as ``name: str = "default"  # comment`` with other values; the rest stays as it is.

    Raises:
        UsageError: One of ``values`` is not declared there.
    """
    found = {
        node.target.id: node.value
        for node in ast.parse(source).body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None
    }
    if missing := values.keys() - found.keys():
        raise UsageError(f"The notebooks have no parameter {', '.join(sorted(missing))}.")
    lines = source.splitlines(keepends=True)
    for name, value in values.items():
        node = found[name]
        line = lines[node.lineno - 1].encode()  # the parser counts bytes
        before, after = line[: node.col_offset], line[node.end_col_offset :]
        lines[node.lineno - 1] = (before + _literal(value).encode() + after).decode()
    return "".join(lines)


def _literal(value: str) -> str:
    quoted = repr(value)
    return f'"{value}"' if quoted == f"'{value}'" and '"' not in value else quoted
