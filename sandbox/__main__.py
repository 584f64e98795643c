"""``python -m sandbox``."""

import gc
import sys

from sandbox.cli import main

status = main()
gc.freeze()  # else Python looks through all that was imported, several times, before it ends
sys.exit(status)
