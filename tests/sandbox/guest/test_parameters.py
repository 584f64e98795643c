"""A law: whatever the parameters of a script are, it gets just them, and nothing of them is run."""

import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

if sys.platform != "linux":
    pytest.skip("shell scripts run inside machines on Linux", allow_module_level=True)

from sandbox.guest.scripts import Script, _write

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
NAMES = st.from_regex(r"[a-z]\w{0,8}", fullmatch=True)
PROGRAM = "import json, os, sys; print(json.dumps([sys.argv[2:], {n: os.environ.get(n) for n in sys.argv[1].split()}]))"


@settings(max_examples=60, deadline=None)
@given(named=st.dictionaries(NAMES, TEXT, max_size=4), others=st.dictionaries(TEXT.filter(bool), TEXT, max_size=3))
def test_a_script_gets_its_parameters_as_they_are(named: dict[str, str], others: dict[str, str]) -> None:
    parameters = {**others, **named}
    variables = [name for name in parameters if name.isascii() and name.isidentifier()]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "with space & 'quote'"
        script = f"{shlex.quote(sys.executable)} -c '{PROGRAM}' '{' '.join(variables)}' \"$@\""
        command = _write(place, place, Script(script, parameters, powershell=False))
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == [list(parameters.values()), {name: parameters[name] for name in variables}]
