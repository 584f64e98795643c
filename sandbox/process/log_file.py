"""The log in the state directory: what goes wrong, and a line for each request."""

import asyncio
import contextlib
import logging
import os
import time
from pathlib import Path

_LARGEST = 5 * 1024 * 1024  # bytes
_DATE = "%Y-%m-%d %H:%M:%S"


class LogFile(logging.Handler):
    """Lines go out once a turn of the loop: for all the requests it has answered, and after their answers.

    Once the file is long, it is set aside as ``.log.1`` and begun anew. (The handler of ``logging`` that does so writes
    out each line by itself.)
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", _DATE))
        self._path = path
        self._file = path.open("ab", buffering=0)
        self._lines: list[str] = []
        self._second, self._date = 0, ""

    def emit(self, record: logging.LogRecord) -> None:
        """Write what a record says."""
        try:
            self._add(self.format(record))
        except Exception:  # of one whose message and values do not fit together, as logging's own handlers do it
            self.handleError(record)

    def write_line(self, text: str) -> None:
        """Write one line, with less ado than a record of ``logging`` makes: that costs as much as an answer."""
        second = int(time.time())
        if second != self._second:
            self._second, self._date = second, time.strftime(_DATE)
            self._turn_over()
        self._add(f"{self._date} INFO {text}")

    def _add(self, line: str) -> None:
        self._lines.append(line)
        if len(self._lines) > 1:
            return  # it goes out with the first
        try:
            asyncio.get_running_loop().call_soon(self.flush)
        except RuntimeError:
            self.flush()

    def flush(self) -> None:
        """Write out what has gathered."""
        lines, self._lines = self._lines, []
        with contextlib.suppress(OSError):  # on a full disk there are no more lines; all else goes on
            self._file.write("".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace"))

    def close(self) -> None:
        """Write out what has gathered, and close the file."""
        self.flush()
        self._file.close()
        super().close()

    def _turn_over(self) -> None:
        if os.fstat(self._file.fileno()).st_size < _LARGEST:
            return
        self._file.close()
        with contextlib.suppress(OSError):  # Windows renames no file that somebody reads: then it grows on
            self._path.replace(self._path.with_suffix(".log.1"))
        self._file = self._path.open("ab", buffering=0)
