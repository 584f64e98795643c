"""JupyterHub for real: a dozen learners sign in, start their servers and run the course, and none can see another's."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest

from tests.workshop.jupyterhub.day import Day, all_of, day_at_the_hub, workshop
from tests.workshop.jupyterhub.visitor import VisitError, Visitor
from workshop.jupyterhub.installation import Installation

NAMES = (
    *("Ada Lovelace", "Grace Hopper", "José Álvarez", "Lin Zhou", "Mary Shaw", "Omar Haddad"),
    *("Priya Nair", "Radia Perlman", "Sofia Rossi", "Tomas Novak", "Uma Das", "Yuki Mori"),
)
COURSE = (
    *("00_prerequisites", "01_create_identity", "02_assign_identity"),
    *("03_grant_access", "04_get_token", "05_read_properties"),
)
CLEAN_UP = "06_clean_up"
AT_ONCE = 3
SEPARATE = hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.mark.long
def test_a_class_of_twelve_runs_the_course(hub_for_learners: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    with day_at_the_hub(NAMES, secured=True) as day:
        asyncio.run(spend(day))
        servers = processes_of(day)
        assert len(servers) >= len(NAMES)
        assert day.end() == 0
        assert not [each for each in servers if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.long
def test_on_this_computer_it_does_without_a_certificate(hub_for_learners: Installation) -> None:
    with day_at_the_hub(NAMES[:1], secured=False) as day:
        assert day.url.startswith("http://127.0.0.1:")
        asyncio.run(spend_a_moment(day))


async def spend_a_moment(day: Day) -> None:
    async with day.visitor(day.handles[0]) as person:
        assert await person.sign_in() == "/hub/spawn"
        await person.start_server()
        assert (await person.evaluate("print(6 * 7)")).strip() == "42"
        assert f"The hub answers at {day.url}\n" in day.log
        assert "Learners take some 320 MB each" in day.log
        if sys.platform == "linux":
            limit = await person.evaluate("import resource; print(resource.getrlimit(resource.RLIMIT_DATA)[0] >> 20)")
            assert limit.strip() == "2048"
        await no_secret_is_saved(day, person)
        await the_trainers_terminal_is_out_of_reach(day, person)


@pytest.mark.long
def test_a_server_that_nobody_uses_ends_and_comes_back(hub_for_learners: Installation) -> None:
    with day_at_the_hub(NAMES[:1], secured=False, more=("--idle", "0.1")) as day:
        asyncio.run(leave_and_come_back(day))


async def leave_and_come_back(day: Day) -> None:
    async with day.visitor(day.handles[0]) as person, day.visitor("trainer") as trainer:
        await trainer.sign_in()
        await person.sign_in()
        await person.start_server()
        status, _ = await person.ask("POST", "api/kernels", {"name": "python3"})
        assert status == 201, "a kernel that no browser is connected to, which goes first"
        servers = processes_of(day)
        assert servers
        gone, alive = await asyncio.to_thread(psutil.wait_procs, servers, 240)
        assert gone and not alive
        while await active(trainer):
            await asyncio.sleep(1)
        await person.start_server()
        assert len(await person.notebook("index.ipynb")) > 1


async def no_secret_is_saved(day: Day, person: Visitor) -> None:
    """Neither the learner's credential nor a token, nor what lets their server talk to the hub."""
    code = """
import os
from azure.identity import ClientSecretCredential
credential = ClientSecretCredential(
    os.environ["AZURE_TENANT_ID"], os.environ["AZURE_CLIENT_ID"], os.environ["AZURE_CLIENT_SECRET"],
    authority=os.environ["AZURE_AUTHORITY_HOST"], disable_instance_discovery=True,
)
token = credential.get_token("https://management.azure.com/.default").token
print(os.environ["AZURE_CLIENT_SECRET"], token, token.split(".")[2], "kept", sep="\\n")
print(*[value for name, value in os.environ.items() if name.endswith("API_TOKEN")], sep="\\n")
"""
    printed = await person.evaluate(code)
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])
    node.cells[0].outputs = [nbformat.v4.new_output("stream", name="stdout", text=printed)]
    status, answer = await person.ask("PUT", "api/contents/mine.ipynb", {"type": "notebook", "content": node})
    assert status == 201, answer
    saved = (day.folder.of(day.folder.load().learner(person.name)).notebooks / "mine.ipynb").read_text("utf-8")
    secrets = [line for line in printed.splitlines() if line != "kept"]
    assert len(secrets) >= 3 and "kept" in saved
    assert not [secret for secret in secrets if secret in saved]


async def the_trainers_terminal_is_out_of_reach(day: Day, person: Visitor) -> None:
    """What they print, past Jupyter too, is kept in a file, and they read nothing of what is typed there."""
    log = day.folder.of(day.folder.load().learner(person.name)).server_log
    (server,) = processes_of(day)
    for process in (server, *server.children(recursive=True)):
        opened = [str(Path(f"/proc/{process.pid}/fd/{number}").readlink()) for number in range(3)]
        assert opened[0] == os.devnull
        assert str(day.path / "hub.log") not in opened, "which is where the trainer's terminal would be"
    assert "is running at" in log.read_text("utf-8")


async def spend(day: Day) -> None:
    """The class from signing in to clean-up."""
    began = time.monotonic()
    await nobody_else_gets_in(day)
    people = [day.visitor(handle) for handle in day.handles]
    for person in people:
        await person.__aenter__()
    try:
        assert set(await all_of(people, Visitor.sign_in, len(people))) == {"/hub/spawn"}
        addresses = await all_of(people, Visitor.start_server, len(people))
        assert all("/lab/tree/index.ipynb" in address for address in addresses)
        await the_trainer_sees_all(day)
        await everybody_has_their_own(day, people)
        await all_of(people, run_course, AT_ONCE)
        assert progress_of(day) == ["✓✓✓✓✓✓??"] * len(NAMES)
        await nobody_sees_anothers(day, people)
        await all_of(people, lambda each: each.run(f"{CLEAN_UP}.ipynb"), AT_ONCE)
        assert progress_of(day) == ["✓✓✓···??"] * len(NAMES)
    finally:
        for person in people:
            await person.__aexit__()
    starts = sorted(person.seconds["start"] for person in people)
    print(f"{len(people)} servers started in {starts[-1]:.0f} s; the day took {time.monotonic() - began:.0f} s")


async def run_course(person: Visitor) -> None:
    for name in COURSE:
        outputs = await person.run(f"{name}.ipynb")
        assert any(outputs)


async def nobody_else_gets_in(day: Day) -> None:
    """Wrong passwords, another's password and strangers are sent away."""
    ada, grace = day.handles[:2]
    for name, password in ((ada, "wrong"), (ada, day.passwords[grace]), ("stranger", ""), (ada, ""), ("root", "root")):
        async with day.visitor(name, password) as visitor:
            with pytest.raises(VisitError):
                await visitor.sign_in()


async def the_trainer_sees_all(day: Day) -> None:
    async with day.visitor("trainer") as trainer:
        assert await trainer.sign_in() == "/hub/admin"
        assert await active(trainer) == set(day.handles)


async def active(trainer: Visitor) -> set[str]:
    """The sign-ins of those whose servers run, as the hub knows it."""
    async with trainer._http.get(f"{trainer.hub}/hub/api/users?state=active") as answer:
        return {user["name"] for user in await answer.json()}


async def everybody_has_their_own(day: Day, people: list[Visitor]) -> None:
    """Names in their notebooks, the credential in their kernel, and nothing of the trainer's."""
    code = """
import json, os
azure = {name: value for name, value in os.environ.items() if name.startswith("AZURE_")}
told = {"home": os.environ["HOME"], "user": os.getuid(), "sandbox": os.environ.get("AZURE_SANDBOX_DIR")}
print(json.dumps({**told, "azure": azure}))
"""
    told = [json.loads(answer) for answer in await all_of(people, lambda each: each.evaluate(code), AT_ONCE)]
    for person, mine in zip(people, told, strict=True):
        learner = day.folder.load().learner(person.name)
        cells = await person.notebook("03_grant_access.ipynb")
        (parameters,) = [cell["source"] for cell in cells if "parameters" in cell["metadata"].get("tags", [])]
        assert f'"{learner.resource_group}"' in parameters and f'"{learner.identity_name}"' in parameters
        kept = day.folder.of(learner).read_environment()
        assert kept is not None and mine["azure"]["AZURE_CLIENT_ID"] == kept["AZURE_CLIENT_ID"]
        assert mine["sandbox"] is None
        assert mine["home"] == str(day.folder.of(learner).notebooks)
    if SEPARATE:
        assert len({mine["user"] for mine in told} - {0}) == len(people)


async def nobody_sees_anothers(day: Day, people: list[Visitor]) -> None:
    """Neither through the hub, nor, if each has a user of their own, on the computer below it."""
    ada, grace = people[:2]
    status, _ = await ada.ask("GET", "api/contents", whose=grace.name)
    assert status in (403, 404)
    encrypted = "import json, ipykernel.connect as c; print('curve_publickey' in json.loads(c.get_connection_info()))"
    assert (await ada.evaluate(encrypted)).strip() == "True"
    if SEPARATE:
        theirs = day.folder.of(day.folder.load().learner(grace.name))
        (server, *_) = [each for each in processes_of(day) if f"/user/{grace.name}" in environment_of(each)]
        private = [
            theirs.notebooks / "00_prerequisites.ipynb",
            theirs.environment,
            day.folder.of(day.folder.load().learner(ada.name)).environment,
            day.folder.sign_ins,
            day.folder.plan,
            day.folder.hub / "jupyterhub.sqlite",
            day.path / "sandbox" / "operator.json",
            f"/proc/{server.pid}/environ",
        ]
        code = "\n".join(
            [
                "for path in " + repr([str(path) for path in private]) + ":",
                "    try:",
                "        print('read', path, len(open(path, 'rb').read()))",
                "    except PermissionError:",
                "        print('refused')",
                "    except FileNotFoundError:",
                "        print('absent', path)",
            ]
        )
        assert (await ada.evaluate(code)).split() == ["refused"] * len(private)
        await only_ones_own_machine_lets_one_in(day, ada)


async def only_ones_own_machine_lets_one_in(day: Day, person: Visitor) -> None:
    """Of all ports at which metadata services listen, one gives a token."""
    runtime = json.loads((day.path / "sandbox" / "runtime.json").read_text("utf-8"))
    machines = {port: machine for machine, port in runtime["metadata"].items()}
    code = f"""
import requests
query = {{"api-version": "2018-02-01", "resource": "https://management.azure.com/"}}
for port in {sorted(machines)}:
    url = f"http://127.0.0.1:{{port}}/metadata/identity/oauth2/token"
    print(port, requests.get(url, query, headers={{"Metadata": "true"}}).status_code)
"""
    lines = [line.split() for line in (await person.evaluate(code)).splitlines()]
    given = [machines[int(port)] for port, status in lines if status == "200"]
    assert {status for _, status in lines} == {"200", "403"}
    assert len(lines) >= len(NAMES)
    (machine,) = given
    assert f"/{day.folder.load().learner(person.name).resource_group}/".casefold() in machine.casefold()


def progress_of(day: Day) -> list[str]:
    """The marks in the trainer's table, a text for each learner."""
    environment = {**os.environ, "AZURE_SANDBOX_DIR": str(day.path / "sandbox"), "PYTHONIOENCODING": "utf-8"}
    lines = workshop(environment, "progress", "--folder", str(day.folder.path)).splitlines()
    rows = [line for line in lines if line.strip().startswith(NAMES)]
    return ["".join(mark for mark in row.split() if mark in set("✓·?!")) for row in rows]


def processes_of(day: Day) -> list[psutil.Process]:
    """The learners' servers."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        command = process.info["cmdline"] or []
        if "jupyterhub.singleuser" in command and str(day.path) in environment_of(process):
            found.append(process)
    return found


def environment_of(process: psutil.Process) -> str:
    try:
        return json.dumps(process.environ())
    except psutil.Error:
        return ""
