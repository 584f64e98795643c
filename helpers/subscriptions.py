"""Which subscription the notebooks work in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import requests

from helpers.errors import TutorialError, explain
from helpers.transport import RESOURCE_MANAGER

_VERSION = "2022-12-01"

Arm = Callable[[str, str, str], requests.Response]  # method, path and api-version


def choose_subscription(arm: Arm, wanted: str) -> Mapping[str, Any]:
    """Return the subscription ``wanted``, or the only one there is if that is empty.

    Raises:
        TutorialError: It is not to be seen; there are several, or none.
    """
    if wanted:
        answer = arm("GET", f"/subscriptions/{wanted}", _VERSION)
        if answer.ok:
            found: Mapping[str, Any] = answer.json()
            return found
    seen = list(_subscriptions(arm))
    if len(seen) == 1 and not wanted:
        return seen[0]
    if not seen:
        raise TutorialError("The sign-in sees no subscription: ask for a role in one, or sign in as somebody else.")
    listed = "\n".join(f"  {each['subscriptionId']}  {each['displayName']}" for each in seen[:10])
    why = f"The sign-in does not see the subscription {wanted}" if wanted else "The sign-in sees several subscriptions"
    raise TutorialError(f"{why}. Set subscription_id to one of these:\n{listed}")


def _subscriptions(arm: Arm) -> Iterator[Mapping[str, Any]]:
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
