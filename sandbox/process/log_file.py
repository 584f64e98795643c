"""The log in the state directory: what goes wrong, and a line for each request."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

_LARGEST = 5 * 1024 * 1024  # bytes
_DATE = "%Y-%m-%d %H:%M:%S"


class LogFile(logging.FileHandler):
    """Lines go out once a turn of the loop: for all the requests it has answered, and after their answers.

    What was said before goes aside once it is long: when the file is opened, since to look at its size with each line
    would cost more than to write it.
    """

    def __init__(self, path: Path) -> None:
        if path.exists() and path.stat().st_size > _LARGEST:
            path.replace(path.with_suffix(".log.1"))
        super().__init__(path, encoding="utf-8")
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", _DATE))
        self._is_waiting = False
        self._second = 0
        self._date = ""

    def write_line(self, text: str) -> None:
        """Write one line, with less ado than a record of ``logging`` makes: that costs as much as an answer."""
        second = int(time.time())
        if second != self._second:
            self._second, self._date = second, time.strftime(_DATE)
        assert self.stream is not None  # until it is closed
        self.stream.write(f"{self._date} INFO {text}\n")
        self.flush()

    def flush(self) -> None:
        """Write out what has gathered: before the next turn of the loop, or at once where there is none."""
        if self._is_waiting:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            super().flush()
            return
        self._is_waiting = True
        loop.call_soon(self._write_out)

    def _write_out(self) -> None:
        self._is_waiting = False
        super().flush()
