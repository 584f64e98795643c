"""Files that only their owner may read."""

import os
import stat
import sys
import tempfile
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, all of it or nothing.

    A reader, or a start after a crash, sees the old content or the new, never a part of one.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # created with mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def is_private(path: Path) -> bool:
    """Return whether a file is this user's own, and nobody else can open it.

    A link is not: it may lead anywhere. On Windows the folder's rules decide, so every file is.
    """
    return sys.platform == "win32" or (is_own(path) and stat.S_ISREG(mode := path.lstat().st_mode) and not mode & 0o077)


def is_own(path: Path) -> bool:
    """Return whether this user made a file, folder or link; on Windows always."""
    return sys.platform == "win32" or path.lstat().st_uid == os.geteuid()
