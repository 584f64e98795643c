"""What a caller finds when signing in."""

from tests.support.sandbox import RunningSandbox


def test_the_subscription_is_answered_as_azure_answers_it(sandbox: RunningSandbox) -> None:
    body = sandbox.arm("GET", "/subscriptions", version="2022-12-01").json()
    assert body["count"] == {"type": "Total", "value": 1}
    [subscription] = body["value"]
    assert subscription["id"] == f"/subscriptions/{subscription['subscriptionId']}"
    assert (subscription["authorizationSource"], subscription["state"]) == ("RoleBased", "Enabled")
    assert subscription["tenantId"] == sandbox.seed_data.tenant_id
    one = sandbox.arm("GET", subscription["id"], version="2022-12-01").json()
    assert one == subscription


def test_whoever_has_no_role_sees_no_subscription(sandbox: RunningSandbox) -> None:
    principal, secret = sandbox.add_principal("stranger")
    token = sandbox.token(principal.client_id, secret)
    body = sandbox.arm("GET", "/subscriptions", token=token, version="2022-12-01").json()
    assert body == {"value": [], "count": {"type": "Total", "value": 0}}
    for path in ("", "/locations", "/providers", "/resourcegroups"):
        response = sandbox.arm("GET", sandbox.seed_data.subscription + path, token=token, version="2022-09-01")
        assert (response.status_code, response.json()["error"]["code"]) == (403, "AuthorizationFailed")


def test_the_tenant_is_contoso(sandbox: RunningSandbox) -> None:
    [tenant] = sandbox.arm("GET", "/tenants", version="2022-12-01").json()["value"]
    assert (tenant["id"], tenant["tenantCategory"]) == (f"/tenants/{sandbox.seed_data.tenant_id}", "Home")
    assert tenant["defaultDomain"] == "contoso.onmicrosoft.com"


def test_locations_have_short_and_shown_names(sandbox: RunningSandbox) -> None:
    path = f"{sandbox.seed_data.subscription}/locations"
    names = {
        place["name"]: place["displayName"] for place in sandbox.arm("GET", path, version="2022-12-01").json()["value"]
    }
    assert names["eastus"] == "East US" and names["westus2"] == "West US 2"


def test_a_provider_is_registered(sandbox: RunningSandbox) -> None:
    path = f"{sandbox.seed_data.subscription}/providers/microsoft.managedidentity"
    posted = sandbox.arm("POST", path + "/register", version="2024-07-01")
    assert (posted.status_code, posted.json()["registrationState"]) == (200, "Registering")
    found = sandbox.arm("GET", path, version="2024-07-01").json()
    assert (found["namespace"], found["registrationState"]) == ("Microsoft.ManagedIdentity", "Registered")
    assert "userAssignedIdentities" in {kind["resourceType"] for kind in found["resourceTypes"]}


def test_every_type_a_provider_names_answers_to_its_versions(sandbox: RunningSandbox) -> None:
    listed = sandbox.arm("GET", f"{sandbox.seed_data.subscription}/providers", version="2024-07-01").json()["value"]
    group = sandbox.seed_data.group("myResourceGroupVM")
    for provider in listed:
        for kind in provider["resourceTypes"]:
            if "/" in kind["resourceType"] or kind["resourceType"] in ("identities", "subscriptions", "resourceGroups"):
                continue
            path = f"{group}/providers/{provider['namespace']}/{kind['resourceType']}"
            response = sandbox.arm("GET", path, version=kind["apiVersions"][0])
            assert response.status_code == 200, (path, response.text)


def test_the_addresses_of_the_cloud_are_told_to_anyone(sandbox: RunningSandbox) -> None:
    response = sandbox.session.get(f"{sandbox.endpoint}/metadata/endpoints?api-version=2022-09-01")
    body = response.json()
    assert body["resourceManager"] == f"{sandbox.endpoint}/"
    assert body["authentication"]["loginEndpoint"] == sandbox.endpoint
