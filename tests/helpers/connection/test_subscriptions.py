"""Which subscription is chosen, and what is said if none can be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from helpers.connection.subscriptions import active_in_az, choose_subscription
from helpers.errors import TutorialError

A, B, C = (f"{digit * 8}-0000-0000-0000-000000000000" for digit in "abc")


class Arm:
    """Resource Manager, as far as it tells of subscriptions; ``refusal`` answers whoever asks for one by its id."""

    def __init__(self, *seen: tuple[str, str], refusal: tuple[int, str, str] | None = None) -> None:
        self._seen = {guid: {"subscriptionId": guid, "displayName": guid[0], "state": state} for guid, state in seen}
        self._refusal = refusal or (404, "SubscriptionNotFound", "The subscription could not be found.")

    def __call__(self, method: str, path: str, api_version: str) -> requests.Response:
        guid = path.removeprefix("/subscriptions").lstrip("/")
        if not guid:
            return answer(200, {"value": list(self._seen.values())})
        if guid in self._seen:
            return answer(200, self._seen[guid])
        status, code, message = self._refusal
        return answer(status, {"error": {"code": code, "message": message}})


def answer(status: int, body: Any) -> requests.Response:
    made = requests.Response()
    made.status_code = status
    made._content = json.dumps(body).encode()
    return made


@pytest.mark.parametrize(
    ("seen", "wanted", "preferred", "chosen"),
    [
        ([(A, "Enabled")], "", "", A),
        ([(A, "Disabled"), (B, "Enabled")], "", "", B),
        ([(A, "Enabled"), (B, "Enabled")], B, "", B),
        ([(A, "Enabled"), (B, "Enabled")], B, A, B),
        ([(A, "Enabled"), (B, "Enabled")], "", B.upper(), B),
        ([(A, "Warned")], "", "", A),
        ([(A, "Enabled")], "", C, A),  # az works in one that this sign-in does not see
    ],
)
def test_chosen(seen: list[tuple[str, str]], wanted: str, preferred: str, chosen: str) -> None:
    assert choose_subscription(Arm(*seen), wanted, preferred)["subscriptionId"] == chosen


@pytest.mark.parametrize(
    ("seen", "wanted", "preferred", "sentence"),
    [
        ([], "", "", "az login --tenant"),
        ([(A, "Enabled"), (B, "Enabled")], "", "", "az account set --subscription"),
        ([(A, "Enabled")], C, "", f"does not see the subscription {C}"),
        ([(A, "Disabled")], A, "", "is disabled"),
        ([(A, "Disabled"), (B, "Enabled")], "", A, "is disabled"),
        ([(A, "Disabled"), (B, "Disabled")], "", "", r"\(disabled\)"),
        ([(A, "Disabled")], "", "", "^No subscription that the sign-in sees is enabled"),
        ([(A, "Disabled")], C, "", rf"does not see the subscription {C}\. Have one of these enabled again"),
    ],
)
def test_none_is_chosen(seen: list[tuple[str, str]], wanted: str, preferred: str, sentence: str) -> None:
    with pytest.raises(TutorialError, match=sentence):
        choose_subscription(Arm(*seen), wanted, preferred)


def test_one_of_another_tenant_names_the_right_one() -> None:
    """In Azure's words: the token's issuer comes first, then the one that it should be."""
    message = (
        f"The access token is from the wrong issuer 'https://sts.windows.net/{A}/'. It must match the tenant "
        f"'https://sts.windows.net/{B}/' associated with this subscription."
    )
    arm = Arm((A, "Enabled"), refusal=(401, "InvalidAuthenticationTokenTenant", message))
    with pytest.raises(TutorialError, match=f"az login --tenant {B};"):
        choose_subscription(arm, C)


def profile(folder: Path, *subscriptions: dict[str, Any]) -> None:
    folder.joinpath("azureProfile.json").write_text(json.dumps({"subscriptions": subscriptions}), "utf-8-sig")


def test_what_az_works_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path))
    assert active_in_az("t") == ""
    profile(tmp_path, {"id": A, "tenantId": "t"}, {"id": B, "tenantId": "t", "isDefault": True})
    assert active_in_az("t") == B
    assert active_in_az("another") == ""


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"subscriptions": [1]}', '{"subscriptions": 1}'])
def test_a_profile_that_cannot_be_read_is_none(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path))
    tmp_path.joinpath("azureProfile.json").write_text(text)
    assert active_in_az("t") == ""
