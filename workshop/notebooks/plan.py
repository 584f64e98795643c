"""What a run is going to do: which notebooks, with which parameters, against what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workshop.files import read_notebook
from workshop.notebooks.parameters import TARGET, Parameter, Value, check, declared
from workshop.sandbox import SANDBOX

if TYPE_CHECKING:
    from nbformat import NotebookNode


@dataclass(frozen=True)
class PlannedNotebook:
    """A notebook to execute: its content and the values of its parameters that are not the default."""

    path: Path
    node: NotebookNode
    parameters: Mapping[str, Value]


@dataclass(frozen=True)
class Plan:
    """Notebooks to execute in order, and the ``target`` they will work on."""

    notebooks: Sequence[PlannedNotebook]
    target: Value


def make_plan(notebooks: Sequence[Path], given: Mapping[str, object]) -> Plan:
    """Read the notebooks and check the parameters, as `check` does."""
    nodes = [read_notebook(path) for path in notebooks]
    declarations = [declared(node) for node in nodes]
    parameters = check(declarations, given)
    planned = [PlannedNotebook(*parts) for parts in zip(notebooks, nodes, parameters, strict=True)]
    return Plan(planned, target_of(declarations, parameters))


def target_of(declarations: Sequence[Mapping[str, Parameter]], parameters: Sequence[Mapping[str, Value]]) -> Value:
    """Return the target that was given, or else the notebooks' default; notebooks without any have the sandbox."""
    given: list[Value] = [values[TARGET] for values in parameters if TARGET in values]
    defaults: list[Value] = [declares[TARGET].value for declares in declarations if TARGET in declares]
    return [*given, *defaults, SANDBOX][0]
