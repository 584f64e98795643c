"""Graph over real HTTP: who may ask, what is found, and what is refused."""

from datetime import timedelta
from typing import Any

import pytest
import requests
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.msi.models import Identity

from sandbox.core.seed_data import RESOURCE_GROUP
from sandbox.entra.keys import SigningKey
from sandbox.entra.tokens import TokenIssuer
from tests.support.sandbox import RunningSandbox

GRAPH = "https://graph.microsoft.com"
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def identity(sandbox: RunningSandbox) -> Identity:
    msi = sandbox.client(ManagedServiceIdentityClient)
    return msi.user_assigned_identities.create_or_update(RESOURCE_GROUP, "ID1", Identity(location="eastus"))


class Asker:
    """The operator at Graph."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self.sandbox = sandbox
        self.token = sandbox.credential().get_token(f"{GRAPH}/.default").token

    def __call__(
        self, path: str, method: str = "GET", token: str | None = None, **options: Any
    ) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {token or self.token}"}
        answer = self.sandbox.session.request(method, f"{self.sandbox.endpoint}{path}", headers=headers, **options)
        return answer.status_code, answer.json()

    def names(self, **query: str) -> list[str]:
        status, body = self("/v1.0/servicePrincipals", params={f"${name}": text for name, text in query.items()})
        assert status == 200, body
        return sorted(found["displayName"] for found in body["value"])

    def refused(self, path: str, **options: Any) -> tuple[int, str, str]:
        status, body = self(path, **options)
        return status, body["error"]["code"], body["error"]["message"]


@pytest.fixture
def ask(sandbox: RunningSandbox) -> Asker:
    return Asker(sandbox)


def test_a_managed_identity_is_found_by_every_of_its_names(ask: Asker, identity: Identity) -> None:
    for text in (
        f"appId eq '{identity.client_id}'",
        f"id eq '{str(identity.principal_id).upper()}'",
        f"servicePrincipalNames/any(c:c eq '{identity.client_id}')",
        "displayName eq 'id1'",
        "startswith(displayName,'ID')",
        f"alternativeNames/any(n:n eq '{identity.id}')",
    ):
        assert ask.names(filter=text) == ["ID1"], text


def test_a_managed_identitys_principal_is_shown_as_graph_shows_it(ask: Asker, identity: Identity) -> None:
    status, shown = ask(f"/v1.0/servicePrincipals/{identity.principal_id}")
    assert status == 200
    assert shown["@odata.context"] == "https://graph.microsoft.com/v1.0/$metadata#servicePrincipals/$entity"
    assert (shown["id"], shown["appId"]) == (identity.principal_id, identity.client_id)
    assert shown["servicePrincipalType"] == "ManagedIdentity"
    assert shown["alternativeNames"] == ["isExplicit=True", identity.id]
    assert ask(f"/beta/servicePrincipals(appId='{identity.client_id}')?$select=id,displayName")[1] == {
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#servicePrincipals/$entity",
        "id": identity.principal_id,
        "displayName": "ID1",
    }


def test_applications_have_an_object_of_their_own(ask: Asker, identity: Identity) -> None:
    [operator] = ask("/v1.0/applications")[1]["value"]
    seed_data = ask.sandbox.seed_data
    assert operator["appId"] == seed_data.operator_client_id
    assert operator["id"] not in (seed_data.operator_client_id, seed_data.operator_object_id)
    assert ask(f"/v1.0/directoryObjects/{operator['id']}")[1]["@odata.type"] == "#microsoft.graph.application"
    principal = ask(f"/v1.0/directoryObjects/{seed_data.operator_object_id}")[1]
    assert principal["@odata.type"] == "#microsoft.graph.servicePrincipal"
    assert principal["appOwnerOrganizationId"] == seed_data.tenant_id


def test_several_objects_are_found_by_their_ids_at_once(ask: Asker, identity: Identity) -> None:
    def by_ids(**body: Any) -> tuple[int, Any]:
        return ask("/v1.0/directoryObjects/getByIds", "POST", json=body)

    ids = [identity.principal_id, NOBODY, ask.sandbox.seed_data.operator_object_id, identity.principal_id]
    status, body = by_ids(ids=ids, types=["user", "group", "servicePrincipal"])
    assert status == 200
    assert [found["displayName"] for found in body["value"]] == ["ID1", "operator"]
    assert {found["@odata.type"] for found in body["value"]} == {"#microsoft.graph.servicePrincipal"}
    assert by_ids(ids=ids)[1]["value"] == body["value"]
    assert by_ids(ids=ids, types=["user"])[1]["value"] == []
    assert by_ids(ids=["x"])[1]["error"]["message"] == "Invalid GUID: x"
    for wrong in ({}, {"ids": "x"}, {"ids": [1]}, {"ids": [NOBODY] * 1001}, {"ids": [], "types": "user"}):
        assert by_ids(**wrong)[1]["error"]["code"] == "Request_BadRequest", wrong
    for content in ("[]", "{", "[" * 100_000):
        assert ask("/v1.0/directoryObjects/getByIds", "POST", data=content)[0] == 400


def test_there_are_no_users_and_no_groups(ask: Asker) -> None:
    assert ask("/v1.0/users?$filter=userPrincipalName eq 'ada@contoso.com'")[1]["value"] == []
    assert ask("/v1.0/groups")[1]["value"] == []
    assert ask("/v1.0/users/ada@contoso.com")[1]["error"]["code"] == "Request_ResourceNotFound"


def test_a_collection_comes_in_pages(ask: Asker) -> None:
    for number in range(7):
        ask.sandbox.add_principal(f"app{number}")
    seen, pages = [], 0
    url: str | None = "/v1.0/servicePrincipals?$top=3&$count=true&$filter=startswith(displayName,'app')&$select=id"
    while url:
        _, body = ask(url.removeprefix(ask.sandbox.endpoint))
        assert body["@odata.count"] == 7
        seen += [found["id"] for found in body["value"]]
        pages += 1
        url = body.get("@odata.nextLink")
    assert pages == 3 and len(set(seen)) == 7


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("$filter=", "BadRequest"),
        ("$filter=displayName", "BadRequest"),
        ("$filter=displayName eq x", "BadRequest"),
        ("$filter=displayName eq 'x' and", "BadRequest"),
        ("$filter=displayName eq 'x' nor appId eq 'x'", "BadRequest"),
        ("$filter=displayName eq 'x", "BadRequest"),
        ("$filter=" + "(" * 50, "BadRequest"),
        ("$filter=secret eq 'x'", "Request_UnsupportedQuery"),
        ("$filter=servicePrincipalNames eq 'x'", "Request_UnsupportedQuery"),
        ("$filter=displayName/any(c:c eq 'x')", "Request_UnsupportedQuery"),
        ("$select=secret", "Request_UnsupportedQuery"),
        ("$orderby=displayName", "Request_UnsupportedQuery"),
        ("$search=x", "Request_UnsupportedQuery"),
        ("$top=0", "Request_BadRequest"),
        ("$top=1000", "Request_BadRequest"),
        ("$top=x", "Request_BadRequest"),
        ("$skiptoken=x", "Request_BadRequest"),
    ],
)
def test_a_query_it_cannot_answer_is_refused(ask: Asker, query: str, code: str) -> None:
    status, found, _ = ask.refused(f"/v1.0/servicePrincipals?{query}")
    assert (status, found) == (400, code)


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/v1.0/me", 400, "/me request is only valid with delegated authentication flow."),
        ("GET", "/v1.0/me/ownedObjects", 400, "/me request is only valid with delegated authentication flow."),
        ("GET", "/v1.0", 400, "Resource not found for the segment ''."),
        ("GET", "/v1.0/planets", 400, "Resource not found for the segment 'planets'."),
        ("GET", f"/v1.0/users/{NOBODY}/photo", 400, "Resource not found for the segment 'photo'."),
        ("GET", "/v1.0/directoryObjects", 400, "Resource not found for the segment 'directoryObjects'."),
        (
            "POST",
            "/v1.0/applications",
            405,
            "Specified HTTP method is not allowed for the request target.",
        ),
        (
            "GET",
            f"/v1.0/servicePrincipals/{NOBODY}",
            404,
            f"Resource '{NOBODY}' does not exist or one of its queried reference-property objects are not present.",
        ),
    ],
)
def test_a_path_it_does_not_have_is_refused(ask: Asker, method: str, path: str, status: int, message: str) -> None:
    found, _, said = ask.refused(path, method=method)
    assert (found, said) == (status, message)


def test_a_refusal_names_the_clients_request(ask: Asker) -> None:
    headers = {"Authorization": f"Bearer {ask.token}", "client-request-id": NOBODY}
    answer = ask.sandbox.session.get(f"{ask.sandbox.endpoint}/v1.0/me", headers=headers)
    inner = answer.json()["error"]["innerError"]
    assert inner["client-request-id"] == NOBODY and set(inner) == {"date", "request-id", "client-request-id"}


def test_the_headers_are_graphs_and_not_resource_managers(ask: Asker) -> None:
    for path, status in (("/v1.0/servicePrincipals", 200), ("/v1.0/me", 400)):
        headers = {"Authorization": f"Bearer {ask.token}", "client-request-id": NOBODY}
        answer = ask.sandbox.session.get(f"{ask.sandbox.endpoint}{path}", headers=headers)
        names = set(map(str.lower, answer.headers))
        assert answer.status_code == status
        assert not {name for name in names if name.startswith("x-ms-")} and not {"pragma", "expires"} & names
        assert answer.headers["client-request-id"] == NOBODY
        inner = answer.json().get("error", {}).get("innerError", answer.headers)
        assert inner["request-id"] == answer.headers["request-id"] != NOBODY


def test_names_that_differ_in_more_than_case_are_kept_apart(ask: Asker) -> None:
    ask.sandbox.add_principal("straße")
    assert ask.names(filter="displayName eq 'STRAßE'") == ["straße"]
    assert ask.names(filter="displayName eq 'strasse'") == []


def test_only_who_may_read_the_directory_sees_it(ask: Asker, identity: Identity) -> None:
    denied = (403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    learner, secret = ask.sandbox.add_principal("learner")
    token = ask.sandbox.credential(learner.client_id, secret).get_token(f"{GRAPH}/.default").token
    for path in ("/v1.0/servicePrincipals", f"/v1.0/servicePrincipals/{learner.object_id}", "/v1.0/users"):
        assert ask.refused(path, token=token) == denied
    assert ask.refused("/v1.0/directoryObjects/getByIds", method="POST", token=token, json={"ids": []}) == denied


def test_tokens_that_do_not_open(ask: Asker, other_key: SigningKey) -> None:
    sandbox, path = ask.sandbox, "/v1.0/servicePrincipals"
    claims: dict[str, Any] = {
        "audience": GRAPH,
        "client_id": sandbox.seed_data.operator_client_id,
        "object_id": sandbox.seed_data.operator_object_id,
        "lifetime": timedelta(hours=1),
        "roles": ["Directory.Read.All"],
    }
    forged = TokenIssuer(other_key, sandbox.seed_data.tenant_id, sandbox.clock).for_application(**claims).token
    invalid = (401, "InvalidAuthenticationToken", "Access token validation failure.")
    assert ask.refused(path, token=forged) == invalid
    assert ask.refused(path, token="x") == invalid
    audience = ask.refused(path, token=sandbox.token())
    assert audience == (*invalid[:2], "Access token validation failure. Invalid audience.")
    sandbox.clock.advance(3601)
    assert ask.refused(path)[2] == "Lifetime validation failed, the token is expired."
    empty = requests.get(f"{sandbox.endpoint}{path}", verify=sandbox.ca, timeout=300)
    assert empty.json()["error"]["message"] == "Access token is empty."


def test_its_token_is_for_graph_alone_and_names_the_permission(ask: Asker) -> None:
    answer = ask.sandbox.arm("GET", ask.sandbox.seed_data.subscription, token=ask.token, version="2022-12-01")
    assert answer.json()["error"]["code"] == "InvalidAuthenticationTokenAudience"
    claims = ask.sandbox.cloud.graph_validator.validate(ask.token).raw
    assert claims["roles"] == ["Directory.Read.All"]
    assert "roles" not in ask.sandbox.cloud.validator.validate(ask.sandbox.token()).raw


def test_it_answers_under_its_own_name(ask: Asker) -> None:
    headers = {"Authorization": f"Bearer {ask.token}", "Host": "graph.microsoft.com"}
    answer = ask.sandbox.session.get(f"{ask.sandbox.endpoint}/v1.0/servicePrincipals", headers=headers)
    assert [found["displayName"] for found in answer.json()["value"]] == ["operator"]
