"""The files of data beside the modules: read once, before the first request, and with no name in them twice."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import sandbox

ROOT = Path(sandbox.__file__).parent
FILES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.yaml"))
SERVING = """
import sys
import tempfile
from pathlib import Path

from sandbox.arm.resources.templates import errors as templates
from sandbox.entra import errors as entra
from sandbox.entra.keys import ensure_signing_key
from sandbox.graph import errors as graph
from sandbox.imds import errors as imds
from tests.support.desk import Desk

opened = []
sys.addaudithook(lambda event, about: opened.append(str(about[0])) if event == "open" else None)
with tempfile.TemporaryDirectory() as folder:
    desk = Desk(ensure_signing_key(Path(folder)))
assert desk.ask("GET", "/subscriptions/none", version="2022-12-01").status == 400
actions = desk.ask("GET", "/providers/Microsoft.ManagedIdentity/operations", version="2023-01-31")
assert actions.status == 200
refused = [entra.refusal("no_tenant"), graph.refusal("denied"), imds.refusal("not_found"), templates.refusal("budget")]
assert [each.status for each in refused] == [400, 403, 404, 400]
print(*(path for path in opened if path.endswith((".yaml", ".sql"))))
"""


def test_a_server_does_not_depend_on_its_files_any_more() -> None:
    """They may be replaced as it runs, by ``git pull`` for instance, and those of another version do not fit it."""
    command = [sys.executable, "-c", SERVING]
    done = subprocess.run(command, cwd=ROOT.parent, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr


@pytest.mark.parametrize("file", FILES)
def test_no_name_is_twice_in_a_file(file: str) -> None:
    """YAML's reader takes the last one, and says nothing."""
    for names in objects_in(yaml.compose((ROOT / file).read_text("utf-8"))):
        assert sorted(set(names)) == sorted(names)


def objects_in(node: yaml.Node | None) -> Iterator[list[str]]:
    """Yield the names of the members of each object, at any depth."""
    if isinstance(node, yaml.MappingNode):
        yield [name.value for name, _ in node.value]
    for inner in node.value if isinstance(node, yaml.CollectionNode) else ():
        for each in inner if isinstance(inner, tuple) else (inner,):
            yield from objects_in(each)
