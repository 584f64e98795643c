"""Platform images, as the Azure CLI looks them up before it makes a machine."""

import pytest

from tests.support.desk import Desk, code
from tests.support.machines import COMPUTE

VERSIONS = (
    "/providers/Microsoft.Compute/locations/{}/publishers/Canonical/artifacttypes/vmimage/offers/{}/skus/{}/versions"
)
JAMMY = ("eastus", "0001-com-ubuntu-server-jammy", "22_04-lts-gen2")
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"


def url(desk: Desk, *names: str) -> str:
    return desk.subscription + VERSIONS.format(*names)


def test_latest_is_one_version_and_that_one_is_there(desk: Desk) -> None:
    path = url(desk, *JAMMY)
    [listed] = desk.ask("GET", path, version=COMPUTE).body
    assert set(listed) == {"location", "name", "id"}
    [expanded] = desk.ask("GET", f"{path}?$expand=properties&$top=1&$orderby=name desc", version=COMPUTE).body
    image = desk.ask("GET", f"{path}/{listed['name']}", version=COMPUTE).body
    assert image == expanded
    assert image["id"] == f"{path}/{listed['name']}"
    assert image["properties"]["osDiskImage"] == {"operatingSystem": "Linux"}


@pytest.mark.parametrize(
    ("offer", "system"), [("sql2022-ws2022", "Windows"), ("sql2019-ubuntu2004", "Linux"), ("sql2022-rhel8", "Linux")]
)
def test_sql_server_comes_with_windows_unless_its_offer_says_otherwise(desk: Desk, offer: str, system: str) -> None:
    path = url(desk, "eastus", offer, "standard-gen2").replace("Canonical", "MicrosoftSQLServer")
    [image] = desk.ask("GET", f"{path}?$expand=properties", version=COMPUTE).body
    assert image["properties"]["osDiskImage"] == {"operatingSystem": system}


@pytest.mark.parametrize(
    ("names", "version", "error"),
    [(JAMMY, "1.2.3", "NotFound"), (("mars", *JAMMY[1:]), "22.04.202405140", "LocationNotAvailableForResourceType")],
)
def test_what_is_not_there(desk: Desk, names: tuple[str, ...], version: str, error: str) -> None:
    assert code(desk.ask("GET", f"{url(desk, *names)}/{version}", version=COMPUTE)) == error


def test_a_role_in_the_subscription_is_needed(desk: Desk) -> None:
    learner = desk.caller("learner")
    path = url(desk, *JAMMY)
    assert code(desk.ask("GET", path, version=COMPUTE, caller=learner)) == "AuthorizationFailed"
    desk.grant(learner, READER, desk.subscription)
    assert desk.ask("GET", path, version=COMPUTE, caller=learner).status == 200
