"""``python -m workshop``."""

import gc
import io
import sys

from workshop.cli import main

if __name__ == "__main__":
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr: no command ends for a letter it cannot show
    status = main()
    gc.freeze()  # else Python looks through all that was imported, several times, before it ends
    sys.exit(status)
