"""The whole course, against real sandboxes."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
import requests

from tests.workshop.small_notebooks import markdown, notebook, text_of, write_series
from workshop.cli import main
from workshop.errors import SandboxError
from workshop.notebooks.series import find_series
from workshop.paths import NOTEBOOKS, ROOT
from workshop.sandbox import SandboxChoice, environments, sandbox_command

pytestmark = pytest.mark.usefixtures("shared_page_maker")
NO_SANDBOX = ("--sandbox", "running")  # for notebooks that need none
ASKING = """\
import os, requests
answer = requests.get(os.environ["AZURE_RESOURCE_MANAGER_ENDPOINT"] + "/metadata/endpoints?api-version=2022-09-01")
print(answer.status_code, os.environ["AZURE_SUBSCRIPTION_ID"], os.environ.get("AZURE_USERNAME"))
print(os.environ["AZURE_SANDBOX_DIR"])
"""


def test_the_course_runs_and_says_what_came_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--output", str(tmp_path), "--param", "identity_name=ID7"]) == 0
    said = capsys.readouterr().out
    names = [found.stem for found in find_series()]
    assert sorted(path.stem for path in tmp_path.glob("*.ipynb")) == names
    assert sorted(path.stem for path in tmp_path.glob("*.html")) == [*names, "index"]
    shown = dict(re.findall(r"^(\w+\.[\w.]+)  +(\S.*)$", said, re.MULTILINE))
    object_id = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    group = r"/subscriptions/\S+/resource[gG]roups/myResourceGroupVM"
    for label, value in {
        "identity.id": f"{group}/\\S+/ID7",
        "identity.principal_id": object_id,
        "vm.id": f"{group}/\\S+/myVM",
        "assignment.role": "Reader",
        "assignment.scope": group,
        "claims.xms_mirid": f"{group}/\\S+/ID7",
        "claims.aud": "https://management.azure.com/",
        "group.name": "myResourceGroupVM",
        "group.location": "eastus",
        "group.properties.provisioning_state": "Succeeded",
    }.items():
        assert re.fullmatch(value, shown[label]), label
    assert shown["identity.principal_id"] == shown["claims.oid"]
    results = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert results["claims"]["appid"] == results["identity"]["client_id"] == shown["identity.client_id"]
    assert results["assignment"]["id"] in results["deleted"]["assignments"]
    for path in tmp_path.rglob("*.*"):
        text = path.read_text("utf-8")
        assert not re.search(r"eyJ[A-Za-z0-9_-]{8,}", text), path
        assert str(ROOT) not in text, path
        assert "azure-sandbox-" not in text, path
    assert "ID7" in (tmp_path / "index.html").read_text("utf-8")


GETTING = """\
import base64, os, pathlib, pprint, requests, textwrap
client, secret = os.environ["AZURE_CLIENT_ID"], os.environ["AZURE_CLIENT_SECRET"]
answer = requests.post(
    f"{os.environ['AZURE_AUTHORITY_HOST']}/{os.environ['AZURE_TENANT_ID']}/oauth2/v2.0/token",
    data={"grant_type": "client_credentials", "client_id": client, "client_secret": secret,
          "scope": "https://management.azure.com/.default"},
    timeout=300,
)
token = answer.json()["access_token"]
pathlib.Path(os.environ["TOLD"]).write_text(token)
"""


WAYS_TO_SHOW = (
    "print(token.split('.'))",
    "print(token.split('.')[2])",
    "print(token[-30:], token[700:716], [token[at : at + 12] for at in range(400, 460, 12)])",
    "print(textwrap.fill(token, 76))",
    "print(textwrap.fill(token.split('.')[2], 20))",
    "pprint.pprint({'token': token})",
    "raise ValueError(token[60:90])",
)


def test_no_part_of_a_token_that_was_issued_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TOLD", str(tmp_path / "token"))
    write_series(tmp_path / "nb", {"00_get": notebook(GETTING, *WAYS_TO_SHOW, parameters="")})
    assert main(["run", "--notebooks", str(tmp_path / "nb"), "--output", str(tmp_path / "o")]) == 1
    said = capsys.readouterr()
    assert "An access token or a secret, or a part of one, is in this notebook" in said.out
    token = (tmp_path / "token").read_text()
    parts = {token[at : at + 12] for at in range(len(token) - 11)}
    for text in (said.out, said.err, *(path.read_text("utf-8") for path in (tmp_path / "o").iterdir())):
        shown = [text[at : at + 12] for at in range(len(text) - 11)]
        assert not [part for part in shown if part in parts]


ON_VM = """\
import os, pathlib
from helpers import connect, ensure_identity, ensure_vm
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import ManagedIdentityCredential
connection = connect()
identity = ensure_identity(connection, "myResourceGroupVM", "ID1", "")
vm = ensure_vm(connection, "myResourceGroupVM", "myVM", "", identity)
session = connection.on_vm(vm.id)
transport = RequestsTransport(session=session)
credential = ManagedIdentityCredential(client_id=identity.client_id, transport=transport)
tokens = [connection.credential.get_token("https://management.azure.com/.default").token,
          credential.get_token("https://vault.azure.net/.default").token]
query = {"api-version": "2018-02-01", "resource": "https://management.azure.com/", "client_id": identity.client_id}
url = "http://169.254.169.254/metadata/identity/oauth2/token"
answer = session.get(url, params=query, headers={"Metadata": "true"})
tokens.append(answer.json()["access_token"])
pathlib.Path(os.environ["TOLD"]).write_text(" ".join(tokens))
"""


def test_no_part_of_a_token_that_a_running_sandbox_issued_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody but the kernel learns those of the user's own sandbox: as it is on Azure."""
    monkeypatch.setenv("AZURE_SANDBOX_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("TOLD", str(tmp_path / "tokens"))
    showing = "for token in tokens:\n    print('from here', token.split('.')[2][5:35], 'to here')\n1 / 0"
    write_series(tmp_path / "nb", {"00_get": notebook(ON_VM, showing, parameters="target = 'sandbox'")})
    sandbox_command("start")
    try:
        words = ["--notebooks", str(tmp_path / "nb"), "--output", str(tmp_path / "o"), "--sandbox", "running"]
        assert main(["run", *words]) == 1
    finally:
        sandbox_command("stop")
    saved = "".join(path.read_text("utf-8") for path in (tmp_path / "o").iterdir()) + capsys.readouterr().out
    assert saved.count("from here [redacted] to here") >= 3
    tokens = (tmp_path / "tokens").read_text().split()
    assert len(set(tokens)) == 3 and not [token for token in tokens if token.split(".")[2][5:17] in saved]


SIGNING_IN = """\
import os, pathlib
from helpers import connect
answer = connect().arm("GET", "/subscriptions", "2022-12-01")
issued = pathlib.Path(os.environ["AZURE_SANDBOX_DIR"], "issued-tokens").read_text().split()
print(answer.status_code, len(issued), "issued")
"""


def test_the_kernels_of_a_series_sign_in_once(tmp_path: Path) -> None:
    write_series(tmp_path / "nb", {f"0{number}_sign_in": notebook(SIGNING_IN, parameters="") for number in range(2)})
    assert main(["run", "--notebooks", str(tmp_path / "nb"), "--output", str(tmp_path / "o")]) == 0
    for path in sorted((tmp_path / "o").glob("*.ipynb")):
        assert "200 2 issued" in text_of(nbformat.read(path, 4)), path.name  # one to whoever asked for the environment


def test_no_secret_of_any_variable_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MY_DATABASE_PASSWORD", "Hunter-22")
    showing = "import base64, os\nsecret = os.environ['MY_DATABASE_PASSWORD']\nprint(secret)"
    basic = "print('Basic', base64.b64encode(f'me:{secret}'.encode()).decode())"
    write_series(tmp_path / "nb", {"00_show": notebook(showing, basic)})
    assert main(["run", "--notebooks", str(tmp_path / "nb"), "--output", str(tmp_path / "o"), *NO_SANDBOX]) == 1
    saved = "".join(path.read_text("utf-8") for path in (tmp_path / "o").iterdir())
    assert "Hunter-22" not in saved + capsys.readouterr().out
    assert base64.b64encode(b"me:Hunter-22").decode() not in saved


def test_the_pictures_that_notebooks_show_are_saved_beside_them(tmp_path: Path) -> None:
    shown = (
        "![A](images/a.svg) ![B](<images/b.svg>) <img alt='C' src=\"c%20d.png\"> ![X](../x.svg) ![Y](https://h/y.svg)"
    )
    folder = write_series(tmp_path / "nb", {"00_look": notebook(markdown(shown), "1"), "01_more": notebook("2")})
    (folder / "images").mkdir()
    for name in ("images/a.svg", "images/b.svg", "images/unused.svg", "c d.png", "../x.svg"):
        (folder / name).write_text(f"<svg>{name}</svg>")
    assert main(["run", "--notebooks", str(folder), "--output", str(tmp_path / "o"), *NO_SANDBOX]) == 0
    saved = {path.relative_to(tmp_path / "o").as_posix() for path in (tmp_path / "o").rglob("*.*")}
    rest = {"index.html", "results.json", "00_look.ipynb", "00_look.html", "01_more.ipynb", "01_more.html"}
    assert saved - rest == {"images/a.svg", "images/b.svg", "c d.png"}
    assert (tmp_path / "o" / "images" / "a.svg").read_text() == "<svg>images/a.svg</svg>"


def test_a_fresh_sandbox_takes_the_place_of_the_users_azure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_USERNAME", "me@contoso.com")
    monkeypatch.setenv("AZURE_SUBSCRIPTION_ID", "mine")
    write_series(tmp_path / "nb", {"00_ask": notebook(ASKING, parameters="")})
    assert main(["run", "--notebooks", str(tmp_path / "nb"), "--output", str(tmp_path / "o")]) == 0
    shown = text_of(nbformat.read(tmp_path / "o" / "00_ask.ipynb", 4))
    assert re.search(r"200 [0-9a-f-]{36} None", shown)
    assert "<sandbox>" in shown


def test_the_running_sandbox_is_used_and_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"
    monkeypatch.setenv("AZURE_SANDBOX_DIR", str(state))
    words = ["run", "--from", "01", "--to", "01", "--output", str(tmp_path / "o"), "--sandbox", "running"]
    assert main(words) == 1
    assert "not running" in capsys.readouterr().err
    sandbox_command("start", directory=str(state))
    try:
        assert main(words) == 0
        variables = json.loads(sandbox_command("env", "--format", "json", directory=str(state)))
        assert "AZURE_CLIENT_SECRET" in variables
        assert main(words) == 0
        assert "is there already" in (tmp_path / "o" / "01_create_identity.ipynb").read_text("utf-8")
    finally:
        sandbox_command("stop", directory=str(state))


def test_a_sandbox_is_started_late_where_it_turned_out_to_be_needed() -> None:
    with environments(SandboxChoice.FRESH, "no such target") as environment_for:
        environment = environment_for("sandbox")
        assert listens(environment["AZURE_RESOURCE_MANAGER_ENDPOINT"])
    assert not listens(environment["AZURE_RESOURCE_MANAGER_ENDPOINT"])


def test_no_sandbox_is_started_for_azure_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(self: object) -> None:
        raise SandboxError("not here")

    monkeypatch.setattr("workshop.sandbox.FreshSandbox.__enter__", refuse)
    monkeypatch.setenv("AZURE_CLIENT_ID", "mine")
    cell = notebook("import os\nos.environ['AZURE_CLIENT_ID']", parameters='target: str = "sandbox"')
    write_series(tmp_path / "nb", {"00_a": cell})
    words = ["run", "--notebooks", str(tmp_path / "nb"), "--output", str(tmp_path / "o")]
    assert main(words) == 1
    assert "not here" in capsys.readouterr().err
    assert main([*words, "--param", "target=azure"]) == 0
    assert "mine" in (tmp_path / "o" / "00_a.ipynb").read_text("utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="sends Unix signals")
@pytest.mark.parametrize("name", [pytest.param("SIGINT", marks=pytest.mark.long), "SIGTERM", "SIGKILL"])
def test_a_stopped_run_leaves_no_sandbox_and_no_kernel(tmp_path: Path, name: str) -> None:
    marker, second = tmp_path / "marker", tmp_path / "second"
    waiting = f"""\
import os, pathlib, time
print("kept")
pathlib.Path({str(marker)!r}).write_text(f"{{os.getpid()}} {{os.environ['AZURE_RESOURCE_MANAGER_ENDPOINT']}}")
"""
    hanging = f"pathlib.Path({str(second)!r}).touch()\ntime.sleep(600)"
    write_series(tmp_path / "nb", {"00_wait": notebook(waiting, hanging, parameters="")})
    runner = subprocess.Popen(
        [sys.executable, "-m", "workshop", "run", "--notebooks", str(tmp_path / "nb"), "--output", str(tmp_path / "o")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wait_until(second.exists)
    kernel, endpoint = marker.read_text().split()
    runner.send_signal(signal.Signals[name])
    said, _ = runner.communicate(timeout=300)
    wait_until(lambda: not alive(int(kernel)))
    wait_until(lambda: not listens(endpoint))
    assert "00_wait" in (tmp_path / "o" / "index.html").read_text("utf-8")
    if name != "SIGKILL":
        assert runner.returncode == 130
        assert "00_wait was stopped in cell In [2]" in said
        assert "Traceback" not in said
        assert "kept" in (tmp_path / "o" / "00_wait.ipynb").read_text("utf-8")


def wait_until(condition: Callable[[], object], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def listens(endpoint: str) -> bool:
    try:
        requests.get(endpoint, timeout=300)
    except requests.exceptions.SSLError:
        return True
    except requests.ConnectionError:
        return False
    return True


def test_the_notebooks_of_this_project_are_found() -> None:
    assert find_series()[0].parent == NOTEBOOKS
