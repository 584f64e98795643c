from __future__ import annotations

import pytest
from azure.identity import DefaultAzureCredential

from helpers import Azure, TutorialError, connect
from tests.helpers.pointing import point_to
from tests.support.sandbox import RunningSandbox


def test_an_unknown_target_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"target = 'aws' is not known\. It is 'sandbox' or 'azure'"):
        connect("aws")


def test_a_subscription_that_is_no_guid_is_refused_before_anything_is_asked() -> None:
    with pytest.raises(ValueError, match="subscription_id = 'mine' is not allowed"):
        connect("sandbox", "mine")


def test_the_subscription_is_the_sandboxs(azure: Azure, sandbox: RunningSandbox) -> None:
    assert azure.subscription_id == sandbox.seed_data.subscription_id
    assert "Contoso Sandbox" in repr(azure)
    assert "Contoso Sandbox" in azure._repr_html_()


def test_the_subscription_may_be_named(azure: Azure) -> None:
    assert connect("sandbox", azure.subscription_id.upper()).subscription_id == azure.subscription_id


def test_the_only_one_is_taken_if_the_environment_names_none(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_SUBSCRIPTION_ID")
    assert connect("sandbox").subscription_id == azure.subscription_id


def test_a_subscription_that_is_not_there_is_refused_with_those_that_are(azure: Azure) -> None:
    with pytest.raises(TutorialError) as refusal:
        connect("sandbox", "00000000-0000-0000-0000-000000000000")
    assert "does not see the subscription 00000000-" in str(refusal.value)
    assert f"{azure.subscription_id}  Contoso Sandbox" in str(refusal.value)


def test_somebody_without_any_role_is_told_so(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    principal, secret = sandbox.add_principal("nobody")
    point_to(sandbox, monkeypatch, client_id=principal.client_id, secret=secret)
    with pytest.raises(TutorialError, match="sees no subscription"):
        connect("sandbox")


def test_several_subscriptions_have_to_be_chosen_from(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = [{"subscriptionId": f"id-{number}", "displayName": f"Contoso {number}"} for number in (1, 2)]
    monkeypatch.setattr("helpers.connection.Azure.arm", lambda *_: Listed(seen))
    monkeypatch.delenv("AZURE_SUBSCRIPTION_ID")
    with pytest.raises(TutorialError, match=r"(?s)sees several.*id-1  Contoso 1\n  id-2  Contoso 2"):
        connect("sandbox")


class Listed:
    """An answer with subscriptions."""

    ok = True

    def __init__(self, value: list[dict[str, str]]) -> None:
        self._value = value

    def json(self) -> dict[str, object]:
        return {"value": self._value}


def test_no_secret_is_in_the_text_of_a_connection(azure: Azure, sandbox: RunningSandbox) -> None:
    for text in (repr(azure), str(azure), azure._repr_html_(), f"{azure.client_options}", str(vars(azure))):
        assert sandbox.secret not in text


def test_azure_is_refused_while_the_environment_points_to_a_sandbox(azure: Azure) -> None:
    with pytest.raises(TutorialError, match="the environment points to a sandbox"):
        connect("azure")


def test_azure_without_a_sign_in_says_how_to_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")  # no Azure CLI, no Azure PowerShell
    with pytest.raises(TutorialError, match="az login"):
        connect("azure")


def test_the_sign_in_on_azure_is_never_that_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine, DefaultAzureCredential would take the machine's own identity for the person's sign-in."""
    made: list[dict[str, object]] = []

    class Spy(DefaultAzureCredential):
        def __init__(self, **options: object) -> None:
            made.append(options)
            super().__init__(**options)

    monkeypatch.setattr("helpers.connection.DefaultAzureCredential", Spy)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(TutorialError):
        connect("azure")
    assert made == [{"exclude_managed_identity_credential": True, "process_timeout": 60}]
