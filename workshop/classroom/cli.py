"""The commands for a class: plan, provision, progress, help, reset, clean-up."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from workshop.command import add_class_folder, seconds, whole_number

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

_TARGETS = ("sandbox", "azure")
_SIZES = "Standard_B2s,Standard_B2ms,Standard_D2s_v3"


def add_commands(commands: Subparsers) -> None:
    """Add the commands to the parser of ``python -m workshop``."""
    _add(commands, "plan", _plan, "prepare a class: who gets what, and what would go wrong on the day")
    _add(commands, "provision", _provision, "give each learner a group, rights in it, a machine and notebooks")
    _add(commands, "progress", _progress, "show how far each learner is, once or live")
    _add(commands, "help", _help, "say what is the matter with one learner, and why a call of theirs is refused")
    _add(commands, "reset", _reset, "put one learner back to the beginning")
    _add(commands, "clean-up", _clean_up, "delete what was made for the class")


def _add(commands: Subparsers, name: str, fill: Callable[[argparse.ArgumentParser], None], text: str) -> None:
    sentence = f"{text[0].upper()}{text[1:]}."
    parser = commands.add_parser(name, help=text, description=sentence)
    add_class_folder(parser)
    fill(parser)
    parser.set_defaults(run=partial(_run, name))


def _run(name: str, options: argparse.Namespace) -> int:
    from workshop.classroom import commands  # it imports Azure's clients, which takes a second

    every = {
        "plan": commands.plan,
        "provision": commands.provision,
        "progress": commands.progress,
        "help": commands.help_learner,
        "reset": commands.reset_learner,
        "clean-up": commands.clean_up,
    }
    return every[name](options)


def _plan(parser: argparse.ArgumentParser) -> None:
    roster = "a line for each learner, with a heading 'name'; on Azure with 'object_id' too, who they are in Entra"
    parser.add_argument("roster", type=Path, metavar="ROSTER.csv", help=roster)
    parser.add_argument("--name", metavar="NAME", help="of the class (default: the roster's file name)")
    parser.add_argument(
        "--target", choices=_TARGETS, default="sandbox", help="where the class is held (default: sandbox)"
    )
    parser.add_argument(
        "--subscription", default="", metavar="GUID", help="of Azure; needed if your sign-in sees several"
    )
    parser.add_argument("--location", default="eastus", metavar="REGION", help="of all that is made (default: eastus)")
    parser.add_argument(
        "--vm-size", default=_SIZES, metavar="SIZE,…", help=f"of the machines; the first to be had (default: {_SIZES})"
    )
    pattern = "; {class}, {handle} and {number} are filled in"
    parser.add_argument(
        "--resource-group", metavar="PATTERN", help="names of the groups (default: {class}-{handle})" + pattern
    )
    parser.add_argument("--vm-name", metavar="PATTERN", help="names of the machines (default: vm-{handle})")
    parser.add_argument("--identity-name", metavar="PATTERN", help="names of the identities (default: id-{handle})")
    parser.add_argument("--offline", action="store_true", help="look at the roster only; ask nothing of Azure")


def _provision(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("who", nargs="*", metavar="HANDLE", help="learners, by their sign-ins (default: all)")
    machines = "make virtual machines on Azure, too, where they cost money until they are deleted"
    parser.add_argument("--with-vms", action="store_true", help=machines)
    _add_yes(parser)
    _add_jobs(parser)


def _progress(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--watch", action="store_true", help="keep the table up to date until Ctrl-C")
    parser.add_argument(
        "--every", type=seconds, default=5.0, metavar="S", help="seconds between two looks at Azure (default: 5)"
    )


def _help(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("who", metavar="NAME", help="a learner: handle, name, or a part of it")
    refusal = "the message of a refusal that the learner got: says why, or what to do; - to read it from the input"
    parser.add_argument("--refusal", metavar="TEXT", help=refusal)
    parser.add_argument(
        "--show-sign-in", action="store_true", help="also show the learner's password and where their credential is"
    )


def _reset(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("who", metavar="HANDLE", help="a learner, by their sign-in")
    parser.add_argument(
        "--notebooks", action="store_true", help="fresh notebooks as well; the learner's own are set aside"
    )
    parser.add_argument("--new-sign-in", action="store_true", help="a new credential of the sandbox as well")
    _add_yes(parser)


def _clean_up(parser: argparse.ArgumentParser) -> None:
    _add_yes(parser)
    _add_jobs(parser)


def _add_yes(parser: argparse.ArgumentParser) -> None:
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--yes", action="store_true", help="do it; without this it is only shown")
    how.add_argument("--dry-run", action="store_true", help="only show what would be done, which is the default")


def _add_jobs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--jobs", type=whole_number(1, 32), default=8, metavar="N", help="learners at a time, 1 to 32 (default: 8)"
    )
