"""Which subscription the notebooks work in."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import requests

from helpers.errors import TutorialError, explain
from helpers.transport import RESOURCE_MANAGER

_VERSION = "2022-12-01"
_UNUSABLE = {"disabled", "deleted"}
_TENANTS = re.compile(r"sts\.windows\.net/([0-9a-f-]{36})", re.IGNORECASE)

Arm = Callable[[str, str, str], requests.Response]  # method, path and api-version
Subscription = Mapping[str, Any]


def choose_subscription(arm: Arm, wanted: str, preferred: str = "") -> Subscription:
    """Return the subscription to work in.

    Args:
        arm: Sends a request to Resource Manager.
        wanted: Its GUID; if it is empty, the one that is ``preferred``, or else the only one that is enabled.
        preferred: Taken if the sign-in sees it.

    Raises:
        TutorialError: It is not to be seen, disabled or of another tenant; or there are several, or none.
    """
    if wanted:
        answer = arm("GET", f"/subscriptions/{wanted}", _VERSION)
        if answer.ok:
            return _usable(answer.json())
        _check_tenant(wanted, answer)
    seen = list(_subscriptions(arm))
    if not wanted:
        enabled = [each for each in seen if not _is_disabled(each)]
        chosen = [each for each in seen if each["subscriptionId"].casefold() == preferred.casefold()] or enabled
        if len(chosen) == 1:
            return _usable(chosen[0])
    if not seen:
        raise TutorialError(
            "The sign-in sees no subscription: ask for a role in one, or sign in where you have one: "
            "az login --tenant TENANT."
        )
    listed = "\n".join(
        f"  {each['subscriptionId']}  {each['displayName']}{' (disabled)' if _is_disabled(each) else ''}"
        for each in seen[:10]
    )
    why = f"The sign-in does not see the subscription {wanted}" if wanted else "The sign-in sees several subscriptions"
    raise TutorialError(
        f"{why}. Set subscription_id to one of these, or run az account set --subscription ID:\n{listed}"
    )


def active_in_az(tenant_id: str) -> str:
    """Return the subscription that the Azure CLI works in, if it is of the tenant; empty if there is none."""
    folder = Path(os.environ.get("AZURE_CONFIG_DIR") or Path.home() / ".azure")
    try:
        profile = json.loads((folder / "azureProfile.json").read_text("utf-8-sig"))
        return next(
            (
                str(each["id"])
                for each in profile["subscriptions"]
                if each.get("isDefault") and each.get("tenantId") == tenant_id
            ),
            "",
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return ""


def _is_disabled(subscription: Subscription) -> bool:
    return str(subscription.get("state", "")).casefold() in _UNUSABLE


def _usable(subscription: Subscription) -> Subscription:
    if _is_disabled(subscription):
        raise TutorialError(
            f"The subscription {subscription['displayName']} ({subscription['subscriptionId']}) is disabled: nothing "
            "can be made in it. Choose another one: az account set --subscription ID, or subscription_id."
        )
    return subscription


def _check_tenant(wanted: str, answer: requests.Response) -> None:
    """Raise if the subscription is another tenant's: the answer names the one of the token, then the right one."""
    explained = explain(answer)
    tenants = _TENANTS.findall(explained.message)
    if explained.code == "InvalidAuthenticationTokenTenant" and tenants:
        raise TutorialError(
            f"The subscription {wanted} belongs to another tenant than the one that you are signed in to. "
            f"In a terminal: az login --tenant {tenants[-1]}; then run this cell again."
        )


def _subscriptions(arm: Arm) -> Iterator[Subscription]:
    """Yield all that the sign-in sees, page by page."""
    answer = arm("GET", "/subscriptions", _VERSION)
    while True:
        if not answer.ok:
            raise TutorialError(f"The subscriptions could not be listed.\n{explain(answer)}")
        page = answer.json()
        yield from page["value"]
        following = str(page.get("nextLink") or "")
        if not following.startswith(f"{RESOURCE_MANAGER}/"):
            return
        answer = arm("GET", following.removeprefix(RESOURCE_MANAGER), "")
