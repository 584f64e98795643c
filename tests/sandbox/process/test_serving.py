"""How the process of a sandbox starts: quickly, and with nothing of that left when it has started."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# Serves as `python -m sandbox serve` does, and says what it saw when a line is written to it.
PROGRAM = """
import gc, json, os, sys, threading
from sandbox.cli import main

at_import = {}

class Watch:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "aiohttp.connector":
            at_import.update(collects=gc.isenabled())

def tell():
    sys.stdin.readline()
    from aiohttp import connector
    print(json.dumps({
        "at_import": at_import,
        "collects": gc.isenabled(),
        "set_aside": gc.get_freeze_count(),
        "authorities": os.environ.get("SSL_CERT_FILE"),
        "loaded": len(connector._SSL_CONTEXT_VERIFIED.get_ca_certs()),
    }), flush=True)

sys.meta_path.insert(0, Watch)
threading.Thread(target=tell, daemon=True).start()
sys.exit(main(["--data", sys.argv[1], "serve"]))
"""


@pytest.mark.parametrize("has_own", [True, False], ids=["authorities of the user's own", "the system's"])
def test_it_starts_without_collector_and_authorities_and_goes_on_as_any_other(
    tmp_path: Path, keys: Path, has_own: bool
) -> None:
    authorities = str(keys / "ca.pem") if has_own else None
    variables = {name: value for name, value in os.environ.items() if name != "SSL_CERT_FILE"}
    variables |= {"SSL_CERT_FILE": authorities} if authorities else {}
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "state")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=variables, cwd=Path(__file__).parents[3]
    ) as process:
        try:
            assert process.stdin is not None and process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            process.stdin.write("tell\n")
            process.stdin.flush()
            found = json.loads(process.stdout.readline())
        finally:
            process.terminate()
    assert found["at_import"] == {"collects": False}
    assert found["collects"] and found["set_aside"] > 0
    assert found["authorities"] == authorities
    if sys.platform != "win32":  # where Python reads the system's store in any case
        assert found["loaded"] == 0
