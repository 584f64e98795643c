"""Resource groups, subscriptions, tenants, providers, and what every answer of ARM has."""

from __future__ import annotations

from typing import Any

from tests.specifications.facts.telling import (
    ANYTHING,
    GUID_PATTERN,
    NOTHING,
    Has,
    Matches,
    Row,
    SameAs,
    Story,
    error,
)

VERSION = "2024-07-01"
_NEW = "/subscriptions/<s>/resourceGroups/contosoPayments"
# What base64 makes of {"jobId":"RESOURCEGROUPDELETIONJOB- is the same whatever follows, but for its last character.
_JOB = r"eyJqb2JJZCI6IlJFU09VUkNFR1JPVVBERUxFVElPTkpPQi[\w-]+"
_RESULT = f"<endpoint>/subscriptions/<s>/operationresults/{_JOB}\\?api-version={VERSION}"
_BODY = {
    "id": _NEW,
    "name": "contosoPayments",
    "type": "Microsoft.Resources/resourceGroups",
    "location": "eastus",
    "properties": {"provisioningState": "Succeeded"},
}


def _row(name: str, path: str = _NEW, method: str = "GET", **expected: Any) -> Row:
    return Row(**{"name": name, "path": path, "method": method, "version": VERSION, **expected})


_MADE = (
    _row(
        "a new group is answered 201, without tags if none were given",
        method="PUT",
        body={"location": "eastus"},
        status=201,
        answer=_BODY,
    ),
    _row(
        "an existing group is answered 200",
        method="PUT",
        body={"location": "East US", "tags": {"course": "identities"}},
        status=200,
        answer=_BODY | {"tags": {"course": "identities"}},
    ),
    _row(
        "patching a group answers 200",
        method="PATCH",
        body={"tags": {"course": "all"}},
        status=200,
        answer=_BODY | {"tags": {"course": "all"}},
    ),
    _row("HEAD of a group answers 204", method="HEAD", status=204, answer=NOTHING),
    _row(
        "HEAD of a group that is not there answers 404",
        "/subscriptions/<s>/resourceGroups/absent",
        "HEAD",
        status=404,
        answer=NOTHING,
    ),
    _row(
        "a group's id is found in any case and shown in its own",
        "/SUBSCRIPTIONS/<s>/RESOURCEGROUPS/CONTOSOPAYMENTS",
        status=200,
        answer=_BODY | {"tags": ANYTHING},
    ),
)

GROUPS = Story(
    "groups",
    (
        *_MADE,
        _row(
            "deleting a group is answered 202 with a location and when to come back",
            method="DELETE",
            status=202,
            headers={"location": Matches(_RESULT), "retry-after": "15", "x-ms-retry-after-ms": None},
            answer=NOTHING,
            learn={"poll": "header location"},
        ),
        _row("it is shown as Deleting", status=200, answer=Has({"properties": {"provisioningState": "Deleting"}})),
        _row(
            "the location answers 202 with a location again",
            "<poll>",
            version="",
            status=202,
            headers={"location": Matches(_RESULT), "retry-after": "15"},
            answer=NOTHING,
        ),
        _row("and 200 and nothing once the group is gone", "<poll>", version="", later=90, status=200, answer=NOTHING),
        _row(
            "which it is",
            status=404,
            answer=error("ResourceGroupNotFound", "Resource group 'contosoPayments' could not be found."),
        ),
    ),
    timing="realistic",
)

GROUPS_AT_ONCE = Story(
    "groups at once",
    (
        _row("a group to delete", method="PUT", body={"location": "eastus"}, status=201),
        _row(
            "where nothing takes time, deleting a group says to come back at once",
            method="DELETE",
            status=202,
            headers={"location": Matches(_RESULT), "retry-after": None, "x-ms-retry-after-ms": "20"},
            answer=NOTHING,
            learn={"poll": "header location"},
        ),
        _row("and it is gone by then", "<poll>", version="", status=200, answer=NOTHING),
    ),
)

SUBSCRIPTIONS = Story(
    "subscriptions",
    (
        _row(
            "the subscriptions are counted, and have policies",
            "/subscriptions",
            version="2022-12-01",
            status=200,
            answer={
                "value": [
                    {
                        "id": "/subscriptions/<s>",
                        "authorizationSource": "RoleBased",
                        "managedByTenants": [],
                        "subscriptionId": "<s>",
                        "tenantId": "<t>",
                        "displayName": ANYTHING,
                        "state": "Enabled",
                        "subscriptionPolicies": {
                            "locationPlacementId": ANYTHING,
                            "quotaId": ANYTHING,
                            "spendingLimit": ANYTHING,
                        },
                    }
                ],
                "count": {"type": "Total", "value": 1},
            },
        ),
        _row(
            "the tenant is the caller's home",
            "/tenants",
            version="2022-12-01",
            status=200,
            answer={"value": [Has({"id": "/tenants/<t>", "tenantId": "<t>", "tenantCategory": "Home"})]},
        ),
        _row(
            "every provider is registered from the start",
            "/subscriptions/<s>/providers",
            status=200,
            answer=Has({"value": [Has({"registrationState": "Registered"})] * 5}),
        ),
        _row(
            "registering a provider answers 200, Registering",
            "/subscriptions/<s>/providers/Microsoft.ManagedIdentity/register",
            "POST",
            status=200,
            answer=Has({"registrationState": "Registering", "namespace": "Microsoft.ManagedIdentity"}),
        ),
        _row(
            "later it is Registered",
            "/subscriptions/<s>/providers/Microsoft.ManagedIdentity",
            later=60,
            status=200,
            answer=Has({"registrationState": "Registered"}),
        ),
    ),
    timing="realistic",
)

ENVELOPE = Story(
    "every answer",
    (
        _row(
            "an answer of ARM has these headers",
            "<group>",
            status=200,
            headers={
                "x-ms-request-id": Matches(GUID_PATTERN),
                "x-ms-correlation-request-id": SameAs("x-ms-request-id"),
                "x-ms-routing-request-id": Matches(rf"[A-Z0-9]+:\d{{8}}T\d{{6}}Z:{GUID_PATTERN}"),
                "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
                "X-Content-Type-Options": "nosniff",
                "Cache-Control": "no-cache",
                "Pragma": "no-cache",
                "Expires": "-1",
                "Content-Type": "application/json; charset=utf-8",
                "x-ms-ratelimit-remaining-subscription-reads": Matches(r"\d+"),
                "x-ms-failure-cause": None,
            },
        ),
        _row(
            "a write is counted as such",
            "<group>",
            "PATCH",
            body={},
            status=200,
            headers={
                "x-ms-ratelimit-remaining-subscription-writes": Matches(r"\d+"),
                "x-ms-ratelimit-remaining-subscription-reads": None,
            },
        ),
        _row(
            "and a deletion",
            "<identities>/absent",
            "DELETE",
            version="2024-11-30",
            status=204,
            headers={"x-ms-ratelimit-remaining-subscription-deletes": Matches(r"\d+"), "content-type": None},
        ),
        _row(
            "an error has a code and a message, and the gateway says where it failed",
            "/subscriptions/<s>/resourceGroups/absent/resources",
            status=404,
            headers={"x-ms-failure-cause": "gateway"},
            answer={
                "error": {"code": "ResourceGroupNotFound", "message": "Resource group 'absent' could not be found."}
            },
        ),
        _row(
            "the caller's correlation id is kept",
            "<group>",
            sent={"x-ms-correlation-request-id": "0f9e2a5c-40a4-4f53-a3a1-b7e0b0c7e001"},
            status=200,
            headers={"x-ms-correlation-request-id": "0f9e2a5c-40a4-4f53-a3a1-b7e0b0c7e001"},
        ),
        _row(
            "a host that is not Azure's is not served",
            "<group>",
            sent={"Host": "contoso.com"},
            status=421,
            answer=error("MisdirectedRequest"),
        ),
        _row(
            "Compute tells its own quotas too",
            "<machine>",
            status=200,
            headers={
                "x-ms-ratelimit-remaining-resource": Matches(
                    r"Microsoft\.Compute/\w+;\d+(,Microsoft\.Compute/\w+;\d+)*"
                )
            },
        ),
    ),
)
