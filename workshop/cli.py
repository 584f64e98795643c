"""``python -m workshop``: run the notebooks, once or for many rows, open them in JupyterLab, teach a class."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from workshop.batch.cli import add_batch
from workshop.classroom.cli import add_commands
from workshop.command import exit_status_of, whole_number
from workshop.errors import INTERRUPTED
from workshop.jupyterhub.cli import add_hub
from workshop.kernels.start import KernelKind, default_kind, warm_up
from workshop.notebooks.parameters import from_file, from_options
from workshop.notebooks.series import find_series, select
from workshop.paths import COPY, NOTEBOOKS
from workshop.sandbox import SandboxChoice, environments

if TYPE_CHECKING:
    from rich.console import Console

    from workshop.execution.run import Result


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status: 0, 1 if something failed, 2 if it could not be done at all."""
    options = _parser().parse_args(arguments)
    return exit_status_of(lambda: int(options.run(options)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m workshop", description="Run the notebooks, open them, or teach a class with them."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands.add_parser("run", help="execute the notebooks in order and save them with a page of each"))
    batch = commands.add_parser("batch", help="execute the notebooks once for each row of a file, in parallel")
    add_batch(batch)
    _add_selection(batch)
    _add_lab(commands.add_parser("lab", help="open your copy of the course in JupyterLab, with the sandbox running"))
    _add_copy(commands.add_parser("copy", help="only make that copy, for another JupyterLab"))
    add_commands(commands)
    add_hub(commands.add_parser("hub", help="run JupyterHub for the class on this computer"))
    return parser


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--param", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the notebooks; repeatable"
    )
    parser.add_argument(
        "--params", type=Path, metavar="FILE", help="parameters from a YAML or JSON file; --param goes before it"
    )
    parser.add_argument(
        "--output", type=Path, default=Path("output"), metavar="DIR", help="where to save (default: output)"
    )
    _add_selection(parser)
    parser.epilog = (
        "A notebook's parameters: papermill --help-notebook notebooks/00_prerequisites.ipynb. "
        "Exit status: 0 if all notebooks completed, 1 if one failed, 2 if nothing was run, 130 if you ended it."
    )
    parser.set_defaults(run=_run)


def _add_copy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--folder", type=Path, default=COPY, metavar="DIR", help="where to work (default: my-course in this project)"
    )
    parser.add_argument("--fresh", action="store_true", help="begin again; what is there is kept under another name")
    parser.set_defaults(run=_copy)


def _add_lab(parser: argparse.ArgumentParser) -> None:
    _add_copy(parser)
    port = "JupyterLab's port (default: 8888 or the next free one)"
    parser.add_argument("--port", type=whole_number(0, 65535), metavar="N", help=port)
    parser.add_argument("arguments", nargs="*", metavar="ARGUMENT", help="after --: anything else for JupyterLab")
    parser.set_defaults(run=_lab)


def _add_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="first", metavar="NN", help="the notebook to begin with, such as 03")
    parser.add_argument("--to", dest="last", metavar="NN", help="the notebook to end with")
    sandbox = "a fresh sandbox that is gone afterwards, or your own that is running (default: %(default)s)"
    parser.add_argument("--sandbox", choices=("fresh", "running"), default="fresh", help=sandbox)
    parser.add_argument(
        "--notebooks", type=Path, default=NOTEBOOKS, metavar="DIR", help="where they are (default: this project's)"
    )
    kernel = "warm: forked from a process that has the imports done; stock: started anew (default here: %(default)s)"
    parser.add_argument("--kernel", type=KernelKind, choices=[*KernelKind], default=default_kind(), help=kernel)


def _run(options: argparse.Namespace) -> int:
    notebooks = select(find_series(options.notebooks), options.first, options.last)
    given = {**(from_file(options.params) if options.params else {}), **from_options(options.param)}
    warm_up(options.kernel)
    with environments(SandboxChoice(options.sandbox), given.get("target")) as environment_for:
        import_module("nbclient")  # which takes long: now, while the sandbox starts
        from workshop.execution.progress import reporter_on
        from workshop.execution.run import run
        from workshop.notebooks.plan import make_plan
        from workshop.terminal import open_console

        console = open_console()
        plan = make_plan(notebooks, given)
        result = run(plan, options.output, environment_for, options.kernel, reporter_on(console))
    return _print_result(result, console)


def _print_result(result: Result, console: Console) -> int:
    from workshop.notebooks.outcome import flat

    if result.account:
        _print(console, f"\n{result.account}", style="red")
    elif lines := flat(result.results):
        width = max(map(len, lines))
        _print(console, "", *(f"{name:{width}}  {value}" for name, value in lines.items()))
    _print(console, f"\nThe executed notebooks: {result.index}")
    return INTERRUPTED if result.interrupted else int(bool(result.account))


def _print(console: Console, *lines: str, style: str | None = None) -> None:
    console.print(*lines, sep="\n", style=style, markup=False, highlight=False, soft_wrap=True)


def _lab(options: argparse.Namespace) -> int:
    from workshop.lab import lab, open_copy

    open_copy(options.folder, fresh=options.fresh)
    return lab(options.folder, options.port, options.arguments)


def _copy(options: argparse.Namespace) -> int:
    from workshop.lab import open_copy

    open_copy(options.folder, fresh=options.fresh)
    return 0
