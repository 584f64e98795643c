"""Python reads this at its start, where the folder is on its path: a sandbox that a test starts is heard as well."""

import os
import sys

if "serve" in sys.orig_argv and "sandbox" in sys.orig_argv and "SANDBOX_TRAFFIC" in os.environ:
    from pathlib import Path

    from sandbox.process.serving import _no_authorities

    with _no_authorities():
        from tests.specifications.traffic import record

    record(Path(os.environ["SANDBOX_TRAFFIC"]))
