from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from azure.identity import DefaultAzureCredential
from requests.adapters import HTTPAdapter

from helpers import connect
from helpers.connection import Connection
from helpers.connection.sign_in import azure_credential
from helpers.errors import TutorialError
from sandbox.state.state_directory import Settings
from tests.helpers.pointing import point_to
from tests.notebooks.course import run
from tests.support.sandbox import RunningSandbox, running_sandbox


def test_an_unknown_target_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"target = 'aws' is not known\. It is 'sandbox' or 'azure'"):
        connect("aws")


def test_a_subscription_that_is_no_guid_is_refused_before_anything_is_asked() -> None:
    with pytest.raises(ValueError, match="subscription_id = 'mine' is not allowed"):
        connect("sandbox", "mine")


def test_the_subscription_is_the_sandboxs(connection: Connection, sandbox: RunningSandbox) -> None:
    assert connection.subscription_id == sandbox.seed_data.subscription_id
    assert "Contoso Sandbox" in repr(connection)
    assert "Contoso Sandbox" in connection._repr_html_()


def test_the_subscription_may_be_named(connection: Connection) -> None:
    assert connect("sandbox", connection.subscription_id.upper()).subscription_id == connection.subscription_id


def test_the_only_one_is_taken_if_the_environment_names_none(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AZURE_SUBSCRIPTION_ID")
    assert connect("sandbox").subscription_id == connection.subscription_id


def test_a_subscription_that_is_not_there_is_refused_with_those_that_are(connection: Connection) -> None:
    with pytest.raises(TutorialError) as refusal:
        connect("sandbox", "00000000-0000-0000-0000-000000000000")
    assert "does not see the subscription 00000000-" in str(refusal.value)
    assert f"{connection.subscription_id}  Contoso Sandbox" in str(refusal.value)


def test_somebody_without_any_role_is_told_so(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    principal, secret = sandbox.add_principal("nobody")
    point_to(sandbox, monkeypatch, client_id=principal.client_id, secret=secret)
    with pytest.raises(TutorialError, match="sees no subscription"):
        connect("sandbox")


class Pages(HTTPAdapter):
    """Resource Manager, as it lists subscriptions: one on each page."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._pages = [
            {"subscriptionId": f"id-{number}", "displayName": f"Contoso {number}"} for number in range(count)
        ]
        self.asked: list[str] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        self.asked.append(str(request.path_url))
        number = int(parse_qs(urlsplit(str(request.url)).query).get("$skiptoken", ["0"])[0])
        page: dict[str, object] = {"value": self._pages[number : number + 1]}
        if number + 1 < len(self._pages):
            page["nextLink"] = (
                f"https://management.azure.com{request.path_url.partition('&')[0]}&$skiptoken={number + 1}"
            )
        answer = requests.Response()
        answer.status_code = 200
        answer._content = json.dumps(page).encode()
        return answer


@pytest.fixture
def pages(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Pages]:
    """``pages(3)``: the next connection finds three subscriptions, one on each page."""

    def installed(count: int) -> Pages:
        made = Pages(count)
        with_pages = replace(connection, _adapters={"https://management.azure.com": made})
        monkeypatch.setattr("helpers.connection.connection.Connection", lambda *_, **__: with_pages)
        monkeypatch.delenv("AZURE_SUBSCRIPTION_ID")
        return made

    return installed


def test_several_subscriptions_have_to_be_chosen_from(pages: Callable[[int], Pages]) -> None:
    made = pages(3)
    with pytest.raises(TutorialError, match=r"(?s)sees several.*id-0  Contoso 0\n  id-1  Contoso 1\n  id-2  Contoso 2"):
        connect("sandbox")
    assert made.asked == [
        "/subscriptions?api-version=2022-12-01",
        "/subscriptions?api-version=2022-12-01&$skiptoken=1",
        "/subscriptions?api-version=2022-12-01&$skiptoken=2",
    ]


def test_no_secret_is_in_the_text_of_a_connection(connection: Connection, sandbox: RunningSandbox) -> None:
    for text in (
        repr(connection),
        str(connection),
        connection._repr_html_(),
        f"{connection.client_options}",
        str(vars(connection)),
    ):
        assert sandbox.secret not in text


def test_azure_is_refused_while_the_environment_points_to_a_sandbox(connection: Connection) -> None:
    with pytest.raises(TutorialError, match="the environment points to a sandbox"):
        connect("azure")


def test_the_sign_in_on_azure_is_never_that_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine, DefaultAzureCredential would take the machine's own identity for the person's sign-in."""
    made: list[dict[str, object]] = []

    class Spy(DefaultAzureCredential):
        def __init__(self, **options: object) -> None:
            made.append(options)
            super().__init__(**options)

    monkeypatch.setattr("helpers.connection.sign_in.identity.DefaultAzureCredential", Spy)
    azure_credential("auto")
    [options] = made
    assert options["exclude_managed_identity_credential"] is True


@pytest.fixture
def faulty(tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """``faulty(rules)``: the environment points to a sandbox in which these faults were ordered; nobody sleeps."""
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with ExitStack() as running:

        def start(rules: str) -> None:
            (tmp_path / "faults.yaml").write_text(rules)
            settings = Settings(faults=str(tmp_path / "faults.yaml"))
            point_to(running.enter_context(running_sandbox(tmp_path, settings=settings, keys_from=keys)), monkeypatch)

        yield start


@pytest.mark.parametrize("status", [429, 503])
def test_a_service_that_is_busy_is_asked_again(faulty: Callable[[str], None], status: int) -> None:
    faulty(f"- {{fault: {status}, service: arm, first: 3}}")
    assert connect("sandbox").subscription["displayName"] == "Contoso Sandbox"


@pytest.mark.parametrize("fault", ["reset", "lost"])
def test_00_comes_through_connections_that_break(faulty: Callable[[str], None], fault: str) -> None:
    faulty(f"- {{fault: {fault}, service: arm, method: GET, every: 3}}")
    assert run("00_prerequisites")["vm"].name == "myVM"


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        ("{fault: lost, service: arm}", "No answer came from https://management.azure.com. Check the network"),
        ("{fault: 503, service: entra, method: POST}", "Microsoft Entra has trouble of its own. Run this cell again"),
    ],
)
def test_what_went_wrong_on_the_way_is_one_sentence(faulty: Callable[[str], None], rules: str, sentence: str) -> None:
    faulty(f"- {rules}")
    with pytest.raises(TutorialError, match=sentence) as caught:
        connect("sandbox")
    assert "az login" not in str(caught.value) and "\n" not in str(caught.value)
