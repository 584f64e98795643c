"""Which subscription the notebooks work in."""

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
_TENANTS = re.compile(r"sts\.windows\.net/([0-9a-f-]{36})", re.IGNORECASE)

Arm = Callable[[str, str, str], requests.Response]  # method, path and api-version
Subscription = Mapping[str, Any]


def choose_subscription(arm: Arm, wanted: str, preferred: str = "") -> Subscription:
    """Return the subscription ``wanted``; without one, that ``preferred`` if it is seen, or the only enabled one."""
    seen = list(_subscriptions(arm))
    named = [each for each in seen if each["subscriptionId"].casefold() == (wanted or preferred).casefold()]
    chosen = named if named or wanted else [each for each in seen if not _is_disabled(each)]
    if len(chosen) != 1:
        raise TutorialError(_why_none(arm, wanted, seen))
    if _is_disabled(chosen[0]):
        raise TutorialError(
            f"The subscription {chosen[0]['displayName']} ({chosen[0]['subscriptionId']}) is disabled: nothing can be "
            "made in it. Choose another one: az account set --subscription ID, or subscription_id."
        )
    return chosen[0]


def _subscriptions(arm: Arm) -> Iterator[Subscription]:
    """Yield all that the sign-in sees, page by page."""
    link, version = f"{RESOURCE_MANAGER}/subscriptions", _VERSION
    while link.startswith(f"{RESOURCE_MANAGER}/"):
        answer = arm("GET", link.removeprefix(RESOURCE_MANAGER), version)
        if not answer.ok:
            raise TutorialError(f"The subscriptions could not be listed.\n{explain(answer)}")
        page = answer.json()
        yield from page["value"]
        link, version = str(page.get("nextLink") or ""), ""


def _is_disabled(subscription: Subscription) -> bool:
    return str(subscription.get("state", "")).casefold() in ("disabled", "deleted")


def _why_none(arm: Arm, wanted: str, seen: list[Subscription]) -> str:
    if wanted and (tenant := _tenant_of(arm, wanted)):
        return (
            f"The subscription {wanted} belongs to another tenant than the one that you are signed in to. "
            f"In a terminal: az login --tenant {tenant}; then run this cell again."
        )
    if not seen:
        return "The sign-in sees no subscription: ask for a role in one, or use your own: az login --tenant TENANT."
    marks = {True: " (disabled)", False: ""}
    listed = [f"  {each['subscriptionId']}  {each['displayName']}{marks[_is_disabled(each)]}" for each in seen[:10]]
    why = f"The sign-in does not see the subscription {wanted}" if wanted else "The sign-in sees several subscriptions"
    choose = "Set subscription_id to one of these, or run az account set --subscription ID:"
    if all(map(_is_disabled, seen)):
        why = why if wanted else "No subscription that the sign-in sees is enabled"
        choose = "Have one of these enabled again, or sign in to another tenant (az login --tenant TENANT):"
    return "\n".join([f"{why}. {choose}", *listed])


def _tenant_of(arm: Arm, subscription_id: str) -> str:
    """Return the other tenant that a subscription belongs to: the refusal names the one of the token, then that."""
    answer = arm("GET", f"/subscriptions/{subscription_id}", _VERSION)
    tenants = _TENANTS.findall(answer.text)
    return str(tenants[-1]) if "InvalidAuthenticationTokenTenant" in answer.text and tenants else ""


def active_in_az(tenant_id: str) -> str:
    """Return the subscription that the Azure CLI works in, if it is of the tenant; empty if there is none."""
    folder = Path(os.environ.get("AZURE_CONFIG_DIR") or Path.home() / ".azure")
    try:
        known = json.loads((folder / "azureProfile.json").read_text("utf-8-sig"))["subscriptions"]
        active = [str(each["id"]) for each in known if each.get("isDefault") and each.get("tenantId") == tenant_id]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return ""
    return active[0] if active else ""
