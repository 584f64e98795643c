"""Waiting for Azure: by asking again, never by sleeping for a guessed time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")

_FIRST_PAUSE = 0.5  # seconds
_LONGEST_PAUSE = 10.0  # seconds


def wait_until(
    ask: Callable[[], Answer],
    satisfied: Callable[[Answer], object] = bool,
    *,
    what: str,
    timeout: float = 900,
    ignoring: type[Exception] | tuple[type[Exception], ...] = (),
) -> Answer:
    """Ask until the answer satisfies, with growing pauses, and return that answer.

    Nothing is printed if the first answer satisfies; else what is being waited for, and for how long already.

    Args:
        ask: The real question, such as the GET that is to work in the end.
        satisfied: Whether an answer will do.
        what: What is being waited for, to be read after "Waiting for".
        timeout: The longest wait in seconds. Azure says of a grant that it can take 10 minutes.
        ignoring: Exceptions of ``ask`` that mean "not yet".

    Raises:
        TimeoutError: It took too long; the message says what to do.
    """
    began = time.monotonic()
    pause = _FIRST_PAUSE
    waited = False
    reason = ""
    while True:
        try:
            answer = ask()
        except ignoring as error:
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
        else:
            if satisfied(answer):
                if waited:
                    print(f"\rWaited for {what}: {time.monotonic() - began:.0f} s")
                return answer
            status = getattr(answer, "status_code", None)
            reason = f"the last answer had the status {status}" if status else "the last answer would not do"
        elapsed = time.monotonic() - began
        if elapsed >= timeout:
            raise TimeoutError(
                f"Waited {elapsed:.0f} seconds for {what}, and asked again all the while; {reason}. Azure is sometimes "
                "slow: run this cell again. If it goes on, go back to the step that should bring it about and look at "
                "its result."
            )
        print(f"\rWaiting for {what}: {elapsed:.0f} s", end="", flush=True)
        waited = True
        time.sleep(min(pause, timeout - elapsed))
        pause = min(pause * 2, _LONGEST_PAUSE)
