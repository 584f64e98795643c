"""Executes the notebooks and saves their outputs into them, so that the same run leaves the same bytes.

``make notebooks`` does it, as ``python -m workshop.execution.save``, for those who change the course.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from workshop.command import exit_status_of
from workshop.errors import WorkshopError
from workshop.execution.executor import execute_plan
from workshop.execution.progress import Reporter, reporter_on
from workshop.files import notebook_text, stage
from workshop.kernels.start import KernelKind, default_kind, warm_up
from workshop.notebooks.outcome import Outcome, account_of
from workshop.notebooks.plan import Plan, make_plan
from workshop.notebooks.series import find_series
from workshop.paths import NOTEBOOKS
from workshop.sandbox import FreshSandbox, kernel_environment
from workshop.terminal import open_console


def main(arguments: Sequence[str] | None = None) -> int:
    """Save the project's notebooks, or those of another folder, and say which changed; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m workshop.execution.save", description="Execute the notebooks and save their outputs in place."
    )
    parser.add_argument("notebooks", nargs="?", type=Path, default=NOTEBOOKS, metavar="DIR", help="where they are")
    folder = parser.parse_args(arguments).notebooks
    return exit_status_of(lambda: _save_folder(folder))


def _save_folder(folder: Path) -> int:
    kind = default_kind()
    warm_up(kind)
    console = open_console()
    changed = save(find_series(folder), kind, reporter_on(console))
    told = f"Saved, {len(changed) or 'none'} changed{': ' if changed else ''}{', '.join(changed)}."
    console.print(told, markup=False, highlight=False, soft_wrap=True)
    return 0


def save(notebooks: Sequence[Path], kind: KernelKind, reporter: Reporter) -> list[str]:
    """Execute the notebooks against a fresh sandbox and save all in place, or none; return the names of those changed.

    Raises:
        WorkshopError: A notebook failed, its outputs name a folder of this machine, or it cannot be written.
    """
    plan = make_plan(notebooks, {})
    texts = {outcome.name: notebook_text(outcome.node) for outcome in _executed(plan, kind, reporter)}
    before = {path: path.read_text("utf-8") for path in notebooks}
    changed = {path: texts[path.stem] for path, text in before.items() if text != texts[path.stem]}
    _replace_all(changed)
    return [path.stem for path in changed]


def _executed(plan: Plan, kind: KernelKind, reporter: Reporter) -> list[Outcome]:
    done = []
    with reporter, FreshSandbox() as sandbox:
        reporter.note("Starting a fresh sandbox")
        for outcome in execute_plan(plan, kernel_environment(sandbox.environment), kind, reporter, ahead=True):
            if outcome.failure is not None:
                raise WorkshopError(f"Nothing was saved.\n\n{account_of(outcome.name, outcome.failure)}")
            if outcome.findings.paths:
                raise WorkshopError(
                    f"Nothing was saved: in {outcome.name}, outputs of the cells "
                    f"{', '.join(dict.fromkeys(outcome.findings.paths))} name a folder of this machine."
                )
            done.append(outcome)
    return done


def _replace_all(texts: Mapping[Path, str]) -> None:
    """Write all files beside the old ones first, so that a full disk costs nothing, then rename."""
    staged: dict[Path, Path] = {}
    try:
        for path, text in texts.items():
            staged[path] = stage(path, text)
        for path, new in staged.items():
            new.replace(path)
    except OSError as error:
        raise WorkshopError(f"The notebooks cannot be saved: {error.filename}: {error.strerror}.") from error
    finally:
        for new in staged.values():
            new.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
