"""Resource groups and lists, through the SDK's client and raw HTTP."""

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.resources.models import ResourceGroup, ResourceGroupPatchable

from tests.support.desk import Desk, code
from tests.support.sandbox import RunningSandbox


def groups_of(sandbox: RunningSandbox) -> ResourceManagementClient:
    return sandbox.client(ResourceManagementClient, polling_interval=0)


def test_a_group_is_made_read_changed_and_deleted(sandbox: RunningSandbox) -> None:
    client = groups_of(sandbox)
    made = client.resource_groups.create_or_update("contoso-web", ResourceGroup(location="West US 2"))
    assert (made.name, made.location, made.tags) == ("contoso-web", "westus2", None)
    assert made.properties is not None and made.properties.provisioning_state == "Succeeded"
    changed = client.resource_groups.update("CONTOSO-web", ResourceGroupPatchable(tags={"team": "web"}))
    assert (changed.name, changed.tags) == ("contoso-web", {"team": "web"})
    assert client.resource_groups.check_existence("contoso-web")
    client.resource_groups.begin_delete("contoso-web").result()
    assert not client.resource_groups.check_existence("contoso-web")


def test_put_answers_201_then_200(sandbox: RunningSandbox) -> None:
    path = sandbox.seed_data.group("twice")
    statuses = [sandbox.arm("PUT", path, {"location": "eastus"}, version="2024-07-01").status_code for _ in range(2)]
    assert statuses == [201, 200]


def test_a_group_stays_where_it_is(sandbox: RunningSandbox) -> None:
    response = sandbox.arm(
        "PUT", sandbox.seed_data.group("myResourceGroupVM"), {"location": "westus"}, version="2024-07-01"
    )
    assert (response.status_code, response.json()["error"]["code"]) == (409, "InvalidResourceGroupLocation")


def test_deletion_answers_202_and_then_200_with_nothing(sandbox: RunningSandbox) -> None:
    response = sandbox.arm("DELETE", sandbox.seed_data.group("contosoPayroll"), version="2024-07-01")
    assert response.status_code == 202 and response.content == b""
    location = response.headers["Location"]
    assert "/operationresults/" in location
    polled = sandbox.session.get(location, headers={"Authorization": f"Bearer {sandbox.token()}"})
    assert (polled.status_code, polled.content) == (200, b"")


def test_deleting_a_group_takes_everything_in_it_along(sandbox: RunningSandbox) -> None:
    from azure.mgmt.msi import ManagedServiceIdentityClient
    from azure.mgmt.msi.models import Identity

    identities = sandbox.client(ManagedServiceIdentityClient).user_assigned_identities
    made = identities.create_or_update("contosoPayroll", "ID1", Identity(location="eastus"))
    groups_of(sandbox).resource_groups.begin_delete("contosoPayroll").result()
    with pytest.raises(ResourceNotFoundError, match="ResourceGroupNotFound"):
        identities.get("contosoPayroll", "ID1")
    assert sandbox.on_loop(lambda: sandbox.cloud.directory.by_object_id(made.principal_id)) is None


def test_lists_come_in_pages_and_lose_nothing(sandbox: RunningSandbox) -> None:
    client = groups_of(sandbox)
    for number in range(5):
        client.resource_groups.create_or_update(f"page-{number}", ResourceGroup(location="eastus"))
    listed = [group.name for group in client.resource_groups.list(top=2)]
    assert listed == ["contosoPayroll", "myResourceGroupVM", *(f"page-{number}" for number in range(5))]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("$filter=tagName eq 'team'", ["a", "b"]),
        ("$filter=tagName eq 'team' and tagValue eq 'red'", ["a"]),
        ("$filter=tagName eq 'nothing'", []),
    ],
)
def test_lists_can_be_filtered_by_tag(sandbox: RunningSandbox, query: str, names: list[str]) -> None:
    for name, team in (("a", "red"), ("b", "blue")):
        body = {"location": "eastus", "tags": {"team": team}}
        sandbox.arm("PUT", sandbox.seed_data.group(name), body, version="2024-07-01")
    response = sandbox.arm("GET", f"{sandbox.seed_data.subscription}/resourcegroups?{query}", version="2024-07-01")
    assert [group["name"] for group in response.json()["value"]] == names


LONG = pytest.param(f"$top={'9' * 5000}", id="$top=999")  # Python reads no number of so many digits
QUERIES = ["$filter=nonsense", "$filter=name like 'x'", "$top=0", "$top=x", LONG, "$skipToken=%FF"]


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_that_is_not_understood_is_refused(sandbox: RunningSandbox, query: str) -> None:
    response = sandbox.arm("GET", f"{sandbox.seed_data.subscription}/resourcegroups?{query}", version="2024-07-01")
    assert response.status_code == 400 and response.json()["error"]["code"].startswith("Invalid")


def test_resources_are_listed_without_groups_roles_and_children(sandbox: RunningSandbox) -> None:
    client = groups_of(sandbox)
    kinds = {resource.type for resource in client.resources.list_by_resource_group("myResourceGroupVM")}
    assert "Microsoft.Compute/virtualMachines" in kinds
    assert not kinds & {"Microsoft.Resources/resourceGroups", "Microsoft.Network/virtualNetworks/subnets"}
    only = client.resources.list(filter="resourceType eq 'Microsoft.Compute/virtualMachines'")
    assert [resource.name for resource in only] == ["myVM"]


def test_each_caller_sees_only_what_they_may_read(sandbox: RunningSandbox) -> None:
    from azure.mgmt.authorization import AuthorizationManagementClient
    from azure.mgmt.authorization.v2022_04_01.models import RoleAssignmentCreateParameters

    principal, secret = sandbox.add_principal("reader-of-one")
    stranger = sandbox.client(ResourceManagementClient, sandbox.credential(principal.client_id, secret))
    with pytest.raises(HttpResponseError, match="AuthorizationFailed"):
        list(stranger.resource_groups.list())
    reader = f"{sandbox.seed_data.subscription}/providers/Microsoft.Authorization/roleDefinitions/"
    sandbox.client(AuthorizationManagementClient).role_assignments.create(
        sandbox.seed_data.group("contosoPayroll"),
        "11111111-2222-3333-4444-555555555555",
        RoleAssignmentCreateParameters(
            role_definition_id=reader + "acdd72a7-3385-48ef-bd42-f606fba81ae7",
            principal_id=principal.object_id,
            principal_type="ServicePrincipal",
        ),
    )
    assert [group.name for group in stranger.resource_groups.list()] == ["contosoPayroll"]
    assert [resource.name for resource in stranger.resources.list()] == []
    with pytest.raises(HttpResponseError, match="AuthorizationFailed"):
        stranger.resource_groups.get("myResourceGroupVM")


@pytest.mark.parametrize(
    ("tags", "error"),
    [
        ({"a" * 513: ""}, "InvalidTagNameLength"),
        ({"a": "b" * 257}, "InvalidTagValueLength"),
        *(({f"a{character}": ""}, "InvalidTagNameCharacters") for character in "<>%&\\?/"),
        ({"": ""}, "InvalidTagNameCharacters"),
        ({"Team": "a", "team": "b"}, "InvalidRequestContent"),
    ],
)
def test_tags_that_azure_refuses(desk: Desk, tags: dict[str, str], error: str) -> None:
    identity = f"{desk.group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ID1"
    for path, version in ((f"{desk.subscription}/resourceGroups/new", "2024-07-01"), (identity, "2024-11-30")):
        answer = desk.ask("PUT", path, {"location": "eastus", "tags": tags}, version=version)
        assert (answer.status, code(answer)) == (400, error)
        good = {"location": "eastus", "tags": {"a" * 512: "b" * 256, "c.d:e*f+": "<>%&?/"}}
        assert desk.ask("PUT", path, good, version=version).status == 201


def test_a_group_that_is_missing_is_the_gateways_refusal(desk: Desk) -> None:
    answer = desk.ask("GET", f"{desk.subscription}/resourceGroups/none", version="2024-07-01")
    assert (code(answer), answer.headers["x-ms-failure-cause"]) == ("ResourceGroupNotFound", "gateway")


@pytest.mark.parametrize("location", ["israelcentral", "Norway West", "EAST ASIA", "qatarcentral", "jioindiawest"])
def test_azures_regions_are_known(desk: Desk, location: str) -> None:
    path = f"{desk.subscription}/resourceGroups/there"
    made = desk.ask("PUT", path, {"location": location}, version="2024-07-01")
    assert (made.status, made.body["location"]) == (201, location.replace(" ", "").lower())


def test_resources_are_listed_with_the_times_at_which_they_were_made_and_changed(slow_desk: Desk) -> None:
    path = f"{slow_desk.group}/providers/Microsoft.Network/publicIPAddresses/ip"
    where = f"{slow_desk.group}/resources?$expand=createdtime, changedTime"

    def times() -> list[str]:
        [shown] = slow_desk.ask("GET", where, version="2024-07-01").body["value"]
        return [shown["createdTime"], shown["changedTime"]]

    assert slow_desk.ask("PUT", path, {"location": "eastus"}, version="2024-05-01").status == 201
    assert times() == ["2024-05-28T12:00:00.0000000Z"] * 2
    slow_desk.clock.advance(3)  # then it is done
    assert times() == ["2024-05-28T12:00:00.0000000Z", "2024-05-28T12:00:03.0000000Z"]
    slow_desk.clock.advance(60)
    assert slow_desk.ask("PUT", path, {"location": "eastus"}, version="2024-05-01").status == 200
    assert times() == ["2024-05-28T12:00:00.0000000Z", "2024-05-28T12:01:03.0000000Z"]
    [plain] = slow_desk.ask("GET", f"{slow_desk.group}/resources", version="2024-07-01").body["value"]
    assert not {"createdTime", "changedTime"} & set(plain)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("tagName eq 'TEAM'", ["a", "b"]),
        ("tagName eq 'team' and tagValue eq 'red'", ["a"]),
        ("tagName eq 'team' and tagValue eq 'Red'", []),
        ("tagName eq ''", []),
        ("tagName eq 'team' and name eq 'B'", ["b"]),
        ("location eq 'EastUS' and tagName eq 'team'", ["a", "b"]),
        ("location eq 'westus'", []),
    ],
)
def test_groups_are_found_by_tag_name_and_location(desk: Desk, text: str, found: list[str]) -> None:
    for name, tags in (("a", {"Team": "red"}), ("b", {"team": "blue"}), ("c", {})):
        path = f"{desk.subscription}/resourceGroups/{name}"
        assert desk.ask("PUT", path, {"location": "eastus", "tags": tags}, version="2024-07-01").status == 201
    answer = desk.ask("GET", f"{desk.subscription}/resourceGroups?$filter={text}", version="2024-07-01")
    assert [group["name"] for group in answer.body["value"]] == found


def test_names_are_told_apart_as_ids_are(desk: Desk) -> None:
    """Not as str.casefold would, to which "ß" is "ss"."""
    for name in ("straße", "strasse"):
        path = f"{desk.subscription}/resourceGroups/{name}"
        assert desk.ask("PUT", path, {"location": "eastus"}, version="2024-07-01").status == 201
    for name, expected in (("strasse", "strasse"), ("STRAßE", "straße")):
        where = f"{desk.subscription}/resourceGroups?$filter=name eq '{name}'"
        assert [group["name"] for group in desk.ask("GET", where, version="2024-07-01").body["value"]] == [expected]


def test_resources_are_listed_with_their_state_if_that_is_asked(desk: Desk) -> None:
    path = f"{desk.group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ID1"
    assert desk.ask("PUT", path, {"location": "eastus"}, version="2024-11-30").status == 201
    where = f"{desk.group}/resources?$expand=createdTime,changedTime,provisioningState"
    [shown] = desk.ask("GET", where, version="2024-07-01").body["value"]
    assert shown["provisioningState"] == "Succeeded"
    [plain] = desk.ask("GET", f"{desk.group}/resources", version="2024-07-01").body["value"]
    assert "provisioningState" not in plain


@pytest.mark.parametrize(
    "text",
    [
        "name eq ID1",
        "name ne 'ID1'",
        "name eq 'a' and",
        "name eq 'a' name eq 'b'",
        "name eq 'a' and name eq 'b'",
        "tagValue eq 'a'",
        "managedBy eq 'x'",
    ],
)
def test_filters_that_azure_does_not_have(desk: Desk, text: str) -> None:
    answer = desk.ask("GET", f"{desk.subscription}/resources?$filter={text}", version="2024-07-01")
    assert (answer.status, code(answer)) == (400, "InvalidFilterInQueryString")
