"""The same thing for many learners, several at a time, where one's failure is nobody else's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Generic, TypeVar

from azure.core.exceptions import AzureError

from helpers import explain
from workshop.errors import WorkshopError

Subject = TypeVar("Subject")


@dataclass(frozen=True)
class Outcome(Generic[Subject]):
    """What became of one of many.

    Attributes:
        subject: of what.
        done: what was done, in words.
        error: why it went no further; empty if it did.
    """

    subject: Subject
    done: Sequence[str] = ()
    error: str = ""


Task = Callable[[Subject, list[str]], None]
Tell = Callable[[Outcome[Subject], int, int], None]


def for_each(
    subjects: Sequence[Subject], task: Task[Subject], jobs: int, tell: Tell[Subject]
) -> list[Outcome[Subject]]:
    """Do ``task`` for each of ``subjects``, at most ``jobs`` at a time.

    A refusal of Azure's or a full disk ends the task of one subject; other exceptions end everything. After Ctrl-C
    what has begun is finished, and nothing more begun.

    Args:
        subjects: for whom.
        task: gets a subject, and a list to which it adds what it has done.
        jobs: how many at a time.
        tell: is told of each outcome as it comes, with how many there are now and how many there will be.

    Returns:
        The outcomes, in the order of ``subjects``.
    """
    outcomes: dict[int, Outcome[Subject]] = {}
    with ThreadPoolExecutor(min(jobs, max(1, len(subjects))), "class") as pool:
        running = {pool.submit(_one, subject, task): place for place, subject in enumerate(subjects)}
        try:
            for future in as_completed(running):
                outcome = future.result()
                outcomes[running[future]] = outcome
                tell(outcome, len(outcomes), len(subjects))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [outcomes[place] for place in sorted(outcomes)]


def _one(subject: Subject, task: Task[Subject]) -> Outcome[Subject]:
    done: list[str] = []
    try:
        task(subject, done)
    except AzureError as error:
        explanation = explain(error)
        return Outcome(subject, done, f"{explanation.message} {explanation.advice}")
    except (WorkshopError, OSError) as error:
        return Outcome(subject, done, str(error))
    return Outcome(subject, done)
