"""The log in the state directory: what goes wrong, and a line for each request."""

import asyncio
import contextlib
import logging
import os
import time
from pathlib import Path

_LARGEST = 5 * 1024 * 1024  # bytes
_DATE = "%Y-%m-%d %H:%M:%S"


class LogFile(logging.FileHandler):
    """Lines go out once a turn of the loop: for all the requests it has answered, and after their answers.

    Once it is long, it is set aside as ``.log.1`` and begun anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        super().__init__(path, encoding="utf-8")
        self._turn_over()
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", _DATE))
        self._is_waiting = False
        self._second = 0
        self._date = ""

    def write_line(self, text: str) -> None:
        """Write one line, with less ado than a record of ``logging`` makes: that costs as much as an answer."""
        second = int(time.time())
        if second != self._second:
            self._second, self._date = second, time.strftime(_DATE)
            self._turn_over()
        assert self.stream is not None  # until it is closed
        with contextlib.suppress(OSError):
            self.stream.write(f"{self._date} INFO {text}\n")
        self.flush()

    def flush(self) -> None:
        """Write out what has gathered: before the next turn of the loop, or at once where there is none."""
        if self._is_waiting:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._write_out()
            return
        self._is_waiting = True
        loop.call_soon(self._write_out)

    def _write_out(self) -> None:
        self._is_waiting = False
        with contextlib.suppress(OSError):  # on a full disk there are no more lines; all else goes on
            super().flush()

    def _turn_over(self) -> None:
        if self.stream is None or os.fstat(self.stream.fileno()).st_size < _LARGEST:
            return
        with contextlib.suppress(OSError):
            self.stream.close()
        with contextlib.suppress(OSError):  # Windows renames no file that somebody reads: then it grows on
            self._path.replace(self._path.with_suffix(".log.1"))
        self.stream = self._open()
