"""Virtual machines: what is filled in, what is refused, what can change."""

import json
from typing import Any

import pytest

from sandbox.arm.compute.power import running_machines
from tests.support.desk import Desk, code, message
from tests.support.machines import NETWORK, PASSWORD, SSH, UBUNTU, Machines

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
VM_CONTRIBUTOR = "9980e02c-c2be-4d73-94e8-173b1dc7cf3c"


@pytest.fixture
def machines(desk: Desk) -> Machines:
    return Machines(desk)


def headers(answer: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}


def test_the_seeded_machine_has_the_fields_of_a_real_one(machines: Machines) -> None:
    body = machines.get()
    properties = body["properties"]
    assert list(body) == ["name", "id", "type", "location", "properties", "etag"]
    assert body["id"] == machines.path()
    assert list(properties) == [
        "hardwareProfile",
        "provisioningState",
        "vmId",
        "storageProfile",
        "osProfile",
        "networkProfile",
        "timeCreated",
    ]
    assert list(properties["storageProfile"]) == ["imageReference", "osDisk", "dataDisks"]
    assert properties["storageProfile"]["imageReference"]["exactVersion"] == "20348.2461.240510"
    disk = properties["storageProfile"]["osDisk"]
    assert list(disk) == [
        "osType",
        "name",
        "createOption",
        "caching",
        "managedDisk",
        "deleteOption",
        "diskSizeGB",
    ]
    assert disk["managedDisk"] == {
        "storageAccountType": "Premium_LRS",
        "id": f"{machines.desk.group}/providers/Microsoft.Compute/disks/{disk['name']}",
    }
    assert list(properties["osProfile"]) == [
        "computerName",
        "adminUsername",
        "windowsConfiguration",
        "secrets",
        "allowExtensionOperations",
        "requireGuestProvisionSignal",
    ]
    assert properties["timeCreated"] == "2024-05-28T12:00:00.0000000+00:00"
    assert machines.power() == "running"
    assert running_machines(machines.desk.cloud) == [machines.path()]


def test_a_new_machine_is_answered_201_creating(machines: Machines) -> None:
    body = {**machines.body(machines.interface("nic2"), customData="c2VjcmV0"), "tags": {"a": "b"}, "zones": ["1"]}
    machines.desk.cloud.machines_changed = False
    answer = machines.put(body)
    assert answer.status == 201
    assert answer.body["properties"]["provisioningState"] == "Creating"
    sent = headers(answer)
    assert sent["azure-asyncnotification"] == "Enabled"
    assert sent["etag"] == answer.body["etag"] == '"1"'
    assert "location" not in sent
    assert machines.desk.cloud.machines_changed
    found = machines.get("vm2")
    assert found["properties"]["provisioningState"] == "Succeeded"
    assert (found["tags"], found["zones"]) == ({"a": "b"}, ["1"])
    assert found["properties"]["osProfile"]["computerName"] == "vm2"


@pytest.mark.parametrize(
    ("image", "profile"),
    [({}, {"adminPassword": PASSWORD}), ({"image": UBUNTU}, {"linuxConfiguration": SSH, "adminPassword": PASSWORD})],
)
def test_secrets_are_nowhere(machines: Machines, image: Any, profile: Any) -> None:
    unattended = [{"passName": "OobeSystem", "settingName": "AutoLogon", "content": f"<p>{PASSWORD}</p>"}]
    windows = {} if image else {"windowsConfiguration": {"additionalUnattendContent": unattended}}
    body = machines.body(machines.interface("nic2"), **image, **profile, **windows, customData="c2VjcmV0IGRhdGE=")
    answer = machines.put(body)
    assert answer.status == 201
    stored = json.dumps([machines.stored("vm2").body, machines.stored("vm2").internal, answer.body])
    for secret in (PASSWORD, "c2VjcmV0IGRhdGE=", "adminPassword", "customData"):
        assert secret not in stored


def test_a_linux_machine(machines: Machines) -> None:
    body = machines.body(machines.interface("nic2"), image=UBUNTU, adminPassword=None, linuxConfiguration=SSH)
    properties = machines.put(body).body["properties"]
    disk = properties["storageProfile"]["osDisk"]
    assert (disk["osType"], disk["diskSizeGB"]) == ("Linux", 30)
    assert properties["storageProfile"]["imageReference"]["exactVersion"] == "22.04.202405140"
    configuration = properties["osProfile"]["linuxConfiguration"]
    assert configuration["disablePasswordAuthentication"] is True
    assert configuration["ssh"] == SSH["ssh"]
    assert configuration["provisionVMAgent"] is True
    assert "windowsConfiguration" not in properties["osProfile"]
    view = machines.ask("GET", f"{machines.path('vm2')}/instanceView").body
    assert (view["osName"], view["osVersion"]) == ("ubuntu", "22.04")


def test_data_disks_are_filled_in(machines: Machines) -> None:
    body = machines.body(machines.interface("nic2"))
    body["properties"]["storageProfile"]["dataDisks"] = [{"lun": 0, "createOption": "empty", "diskSizeGB": 64}]
    (disk,) = machines.put(body).body["properties"]["storageProfile"]["dataDisks"]
    assert (disk["createOption"], disk["caching"], disk["toBeDetached"]) == ("Empty", "None", False)
    assert disk["managedDisk"]["id"].endswith(disk["name"])


def data_disk(**disk: Any) -> dict[str, Any]:
    return {"storageProfile": {"dataDisks": [{"lun": 0, "createOption": "Attach", **disk}]}}


def os_disk(**disk: Any) -> dict[str, Any]:
    return {"storageProfile": {"osDisk": {"createOption": "Attach", "osType": "Windows", **disk}}}


COMPUTE_IDS = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute"
CERTIFICATE = {"protocol": "Https", "certificateUrl": "https://v.vault.azure.net/secrets/s"}
ENCRYPTED = {"diskEncryptionSet": {"id": f"{COMPUTE_IDS}/diskEncryptionSets/x"}}


@pytest.mark.parametrize(
    ("properties", "missing"),
    [
        (data_disk(managedDisk={"id": f"{COMPUTE_IDS}/disks/x"}), "Microsoft.Compute/disks/x"),
        (os_disk(managedDisk={"id": f"{COMPUTE_IDS}/disks/x"}), "Microsoft.Compute/disks/x"),
        (
            data_disk(createOption="Empty", diskSizeGB=4, managedDisk=ENCRYPTED),
            "Microsoft.Compute/diskEncryptionSets/x",
        ),
        (os_disk(createOption="FromImage", managedDisk=ENCRYPTED), "Microsoft.Compute/diskEncryptionSets/x"),
        (
            os_disk(createOption="FromImage", managedDisk={"securityProfile": ENCRYPTED}),
            "Microsoft.Compute/diskEncryptionSets/x",
        ),
        (data_disk(createOption="Copy", sourceResource={"id": f"{COMPUTE_IDS}/snapshots/x"}), "Compute/snapshots/x"),
        ({"storageProfile": {"imageReference": {"id": f"{COMPUTE_IDS}/images/x"}}}, "Microsoft.Compute/images/x"),
        (
            {"storageProfile": {"imageReference": {"id": f"{COMPUTE_IDS}/galleries/g/images/x/versions/1.0.0"}}},
            "Microsoft.Compute/galleries/images/versions/g/x/1.0.0",
        ),
    ],
)
def test_what_is_named_by_its_id_has_to_be_there(machines: Machines, properties: Any, missing: str) -> None:
    new = machines.body(machines.interface("nic2"))
    for profile, members in properties.items():
        new["properties"][profile] |= members
    for answer in (machines.put(new), machines.patch({"properties": properties})):
        if (answer.status, code(answer)) != (409, "PropertyChangeNotAllowed"):  # as the OS disk's own id is for good
            assert (answer.status, code(answer)) == (404, "ResourceNotFound")
            assert f"{missing}' under resource group 'g' was not found." in message(answer)
    assert machines.ask("GET", machines.path("vm2")).status == 404


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        (data_disk(managedDisk={"id": "x"}), "LinkedInvalidPropertyId"),
        (os_disk(createOption="FromImage", managedDisk={"diskEncryptionSet": {"id": "x"}}), "LinkedInvalidPropertyId"),
        (os_disk(createOption="FromImage", managedDisk={"diskEncryptionSet": {}}), "LinkedInvalidPropertyId"),
        (
            data_disk(createOption="Empty", diskSizeGB=4, managedDisk={"id": f"{COMPUTE_IDS}/disks/x"}),
            "InvalidParameterConflictingProperties",
        ),
        (data_disk(), "InvalidParameter"),
        (os_disk(), "InvalidParameter"),
        (os_disk(createOption="Empty"), "InvalidParameter"),
        (data_disk(createOption="Restore"), "InvalidParameter"),
        (os_disk(vhd={"uri": "https://a.blob.core.windows.net/vhds/a.vhd"}), "InvalidParameter"),
        ({"applicationProfile": {"galleryApplications": [{"packageReferenceId": "/x"}]}}, "InvalidParameter"),
        (
            {"diagnosticsProfile": {"bootDiagnostics": {"storageUri": "https://a/"}}},
            "InvalidParameter",
        ),
        (
            {"osProfile": {"windowsConfiguration": {"winRM": {"listeners": [{"certificateUrl": "x"}]}}}},
            "InvalidParameter",
        ),
    ],
)
def test_what_a_machine_is_made_from_is_said_and_there(machines: Machines, properties: Any, expected: str) -> None:
    body = machines.body(machines.interface("nic2"))
    for profile, members in properties.items():
        body["properties"].setdefault(profile, {}).update(members)
    answer = machines.put(body)
    assert (answer.status, code(answer)) == (400, expected)


def test_a_machines_own_disks_may_be_named_by_their_ids(machines: Machines) -> None:
    body = machines.body(machines.interface("nic2"))
    body["properties"]["storageProfile"]["dataDisks"] = [{"lun": 0, "createOption": "Empty", "diskSizeGB": 64}]
    machines.put(body)
    found = machines.get("vm2")
    (disk,) = found["properties"]["storageProfile"]["dataDisks"]
    assert machines.put(found).status == 200
    again = {"lun": 1, "createOption": "Attach", "managedDisk": {"id": disk["managedDisk"]["id"].upper()}}
    assert machines.patch({"properties": {"storageProfile": {"dataDisks": [again]}}}, "vm2").status == 200


def test_disks_are_encrypted_as_an_identity_that_the_machine_has(machines: Machines) -> None:
    identity = machines.identity("ID1")
    as_identity = {"securityProfile": {"encryptionIdentity": {"userAssignedIdentityResourceId": identity}}}
    refused = machines.patch({"properties": as_identity})
    assert (refused.status, code(refused)) == (400, "InvalidParameter")
    block = {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}}
    assert machines.patch({"properties": as_identity, "identity": block}).status == 200


def test_a_machine_made_again_is_another(machines: Machines) -> None:
    first = machines.get()["properties"]["vmId"]
    interface = f"{machines.network}/networkInterfaces/myVMVMNic"
    machines.ask("DELETE", machines.path())
    machines.put(machines.body(interface), "myVM")
    assert machines.get()["properties"]["vmId"] != first


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("hardwareProfile",), None, "Required parameter 'hardwareProfile' is missing (null)."),
        (("hardwareProfile", "vmSize"), None, "Required parameter 'vmSize' is missing (null)."),
        (("hardwareProfile", "vmSize"), "huge", "The value huge provided for the VM size is not valid."),
        (("storageProfile",), None, "Required parameter 'storageProfile' is missing (null)."),
        (("storageProfile", "imageReference"), None, "Required parameter 'imageReference' is missing (null)."),
        (("storageProfile", "imageReference", "sku"), None, "Required parameter 'imageReference.sku' is missing"),
        (("osProfile",), None, "Required parameter 'osProfile' is missing (null)."),
        (("osProfile", "adminUsername"), None, "Required parameter 'osProfile.adminUsername' is missing (null)."),
        (("osProfile", "adminUsername"), "Administrator", "The Admin Username specified is not allowed."),
        (("osProfile", "adminPassword"), None, "Required parameter 'adminPassword' is missing (null)."),
        (("osProfile", "adminPassword"), "short", "must be between 8-123 characters long"),
        (("osProfile", "adminPassword"), "alllowercaseletters", "at least 3 of password complexity requirements"),
        (("osProfile", "computerName"), "x" * 16, "Windows computer name cannot be more than 15 characters long"),
        (("osProfile", "computerName"), "12345", "be entirely numeric"),
        (("osProfile", "computerName"), "a_b", "or contain the following characters"),
        (("osProfile", "linuxConfiguration"), {}, "The image holds Windows, not Linux."),
        (("networkProfile",), None, "Required parameter 'networkProfile' is missing (null)."),
        (("networkProfile", "networkInterfaces"), [], "Required parameter 'networkProfile.networkInterfaces'"),
        (("storageProfile", "dataDisks"), [{"lun": 0}], "Required parameter 'dataDisk.createOption' is missing"),
        (("storageProfile", "dataDisks"), [{"createOption": "Empty"}], "Required parameter 'dataDisk.lun' is missing"),
        (
            ("storageProfile", "dataDisks"),
            [{"lun": 1, "createOption": "Empty", "diskSizeGB": 4}] * 2,
            "A disk at LUN 1 already exists.",
        ),
        (("availabilitySet",), {"id": "/x"}, "The value of parameter availabilitySet is invalid"),
    ],
)
def test_what_is_wrong_is_named(machines: Machines, path: tuple[str, ...], value: Any, expected: str) -> None:
    body = machines.body(machines.interface("nic2"))
    place = body["properties"]
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    answer = machines.put(body)
    assert (answer.status, code(answer)) == (400, "InvalidParameter")
    assert expected in message(answer)
    assert machines.ask("GET", machines.path("vm2")).status == 404


def test_linux_wants_a_password_or_a_key(machines: Machines) -> None:
    answer = machines.put(machines.body(machines.interface("nic2"), image=UBUNTU, adminPassword=None))
    assert message(answer).startswith("Authentication using either SSH or by user name and password must be enabled")


def test_the_machines_name_is_the_computers_name_unless_there_is_one(machines: Machines) -> None:
    body = machines.body(machines.interface("nic2"), computerName=None)
    assert machines.put(body, "a-name-too-long-for-windows").status == 400
    assert machines.put(body, "fifteen-is-fine").status == 201


@pytest.mark.parametrize("name", ["x" * 65, "-vm", "vm-", "vm.", "_vm", "v m", "vm\u00e9"])
def test_bad_names_are_refused(machines: Machines, name: str) -> None:
    answer = machines.put(machines.body(machines.interface("nic2")), name)
    assert (answer.status, code(answer)) == (400, "InvalidParameter")
    assert "The entity name 'vmName' is invalid according to its validation rule" in message(answer)


def test_an_unknown_property_is_refused(machines: Machines) -> None:
    body = machines.body(machines.interface("nic2"))
    body["properties"]["hardwareprofil"] = {}
    answer = machines.put(body)
    assert (answer.status, code(answer)) == (400, "BadRequest")
    assert message(answer) == (
        "Could not find member 'hardwareprofil' on object of type 'Properties'. Path 'properties.hardwareprofil'."
    )


def test_an_unknown_property_is_refused_at_any_depth(machines: Machines) -> None:
    body = machines.body(machines.interface("nic2"), windowsConfiguration={"patchSettings": {"mode": "Manual"}})
    answer = machines.put(body)
    assert (answer.status, code(answer)) == (400, "BadRequest")
    assert message(answer) == (
        "Could not find member 'mode' on object of type 'PatchSettings'. "
        "Path 'properties.osProfile.windowsConfiguration.patchSettings.mode'."
    )


def test_a_property_of_the_wrong_type_is_refused_at_any_depth(machines: Machines) -> None:
    body = machines.body(machines.interface("nic2"), windowsConfiguration={"patchSettings": {"patchMode": {}}})
    answer = machines.put(body)
    assert (answer.status, code(answer)) == (400, "InvalidRequestContent")
    assert "'properties.osProfile.windowsConfiguration.patchSettings.patchMode' must be a string" in message(answer)


@pytest.mark.parametrize(
    ("properties", "path", "expected"),
    [
        ({"StorageProfile": {"OsDisk": {"diskSizeGb": "64"}}}, ("storageProfile", "osDisk", "diskSizeGB"), 64),
        (
            {"osProfile": {"windowsConfiguration": {"enableAutomaticUpdates": "false"}}},
            ("osProfile", "windowsConfiguration", "enableAutomaticUpdates"),
            False,
        ),
        ({"storageProfile": {"osDisk": {"caching": "readonly"}}}, ("storageProfile", "osDisk", "caching"), "ReadOnly"),
        (
            {"storageProfile": {"osDisk": {"managedDisk": {"storageAccountType": "standard_lrs"}}}},
            ("storageProfile", "osDisk", "managedDisk", "storageAccountType"),
            "Standard_LRS",
        ),
        ({"securityProfile": {"securityType": "trustedlaunch"}}, ("securityProfile", "securityType"), "TrustedLaunch"),
        ({"priority": "spot"}, ("priority",), "Spot"),
    ],
)
def test_case_and_types_are_as_lenient_as_azures(
    machines: Machines, properties: Any, path: tuple[str, ...], expected: Any
) -> None:
    def changed(into: Any, given: Any) -> Any:
        names = {name.casefold(): name for name in into}
        for name, value in given.items():
            written = names.get(name.casefold(), name)
            old = into.pop(written, {})
            into[name] = changed(old, value) if isinstance(value, dict) else value
        return into

    body = machines.body(machines.interface("nic2"))
    changed(body["properties"], properties)
    assert machines.put(body).status == 201
    found = machines.get("vm2")["properties"]
    assert machines.patch({"properties": properties}, "vm2").status == 200
    for shown in (found, machines.get("vm2")["properties"]):
        for name in path:
            shown = shown[name]
        assert shown == expected


@pytest.mark.parametrize(
    "properties",
    [
        {"priority": "Sometimes"},
        {"securityProfile": {"securityType": "None at all"}},
        {"storageProfile": {"osDisk": {"managedDisk": {"storageAccountType": "Fast_LRS"}}}},
        {"storageProfile": {"diskControllerType": "IDE"}},
        {"osProfile": {"windowsConfiguration": {"patchSettings": {"patchMode": "Never"}}}},
    ],
)
def test_what_is_kept_is_one_of_azures_choices(machines: Machines, properties: Any) -> None:
    before = machines.get()
    answer = machines.patch({"properties": properties})
    assert (answer.status, code(answer)) == (400, "InvalidRequestContent")
    assert "must be one of" in message(answer)
    assert machines.get() == before


def test_a_member_beside_the_properties_is_kept_or_refused(machines: Machines) -> None:
    body = {**machines.body(machines.interface("nic2")), "zone": ["1"]}
    answer = machines.put(body)
    assert (answer.status, code(answer)) == (400, "InvalidRequestContent")
    assert "Could not find member 'zone' on object of type 'ResourceDefinition'. Path 'zone'." in message(answer)
    place = {**machines.body(machines.interface("nic2")), "extendedLocation": {"name": "edge", "type": "EdgeZone"}}
    assert "The value of parameter extendedLocation is invalid" in message(machines.put(place))
    assert machines.ask("GET", machines.path("vm2")).status == 404


def test_zones_and_plan_are_for_good(machines: Machines) -> None:
    plan = {"name": "n", "publisher": "p", "product": "q"}
    body = {**machines.body(machines.interface("nic2")), "Zones": ["1"], "plan": plan}
    assert machines.put(body).status == 201
    found = machines.get("vm2")
    assert (found["zones"], found["plan"]) == (["1"], plan)
    for change in ({"zones": ["2"]}, {"plan": {**plan, "name": "m"}}):
        for answer in (machines.patch(change, "vm2"), machines.put({**found, **change})):
            assert (answer.status, code(answer)) == (409, "PropertyChangeNotAllowed")
    assert machines.put(found).status == 200


def test_user_data_is_shown_to_who_asks_for_it(machines: Machines) -> None:
    body = machines.body(machines.interface("nic2"))
    body["properties"]["userData"] = "dXNlciBkYXRh"
    assert "userData" not in machines.put(body).body["properties"]
    assert "userData" not in machines.get("vm2")["properties"]
    for expand in ("userData", "instanceView,userData", "USERDATA"):
        shown = machines.ask("GET", f"{machines.path('vm2')}?$expand={expand}").body["properties"]
        assert shown["userData"] == "dXNlciBkYXRh"
        assert ("instanceView" in shown) == expand.startswith("instance")
    machines.patch({"properties": {"userData": "YW5vdGhlcg=="}}, "vm2")
    shown = machines.ask("GET", f"{machines.path('vm2')}?$expand=userData").body["properties"]
    assert shown["userData"] == "YW5vdGhlcg=="


def test_the_answer_that_makes_a_machine_has_no_disk_yet(machines: Machines) -> None:
    body = machines.body(machines.interface("nic2"))
    body["properties"]["networkProfile"]["networkInterfaces"][0]["properties"] = {}
    made = machines.put(body).body["properties"]
    assert "name" not in made["storageProfile"]["osDisk"]
    assert made["storageProfile"]["osDisk"]["managedDisk"] == {"storageAccountType": "Premium_LRS"}
    assert "properties" not in made["networkProfile"]["networkInterfaces"][0]
    assert machines.get("vm2")["properties"]["storageProfile"]["osDisk"]["managedDisk"]["id"]


# --- network interfaces --------------------------------------------------------------------------------------------


def test_the_interface_refers_back(machines: Machines) -> None:
    interface = machines.interface("nic2")
    machines.put(machines.body(interface))
    properties = machines.ask("GET", interface, version=NETWORK).body["properties"]
    assert properties["virtualMachine"] == {"id": machines.path("vm2")}
    assert properties["primary"] is True
    assert properties["macAddress"].startswith("00-0D-3A-")
    machines.ask("DELETE", machines.path("vm2"))
    freed = machines.ask("GET", interface, version=NETWORK).body["properties"]
    assert "virtualMachine" not in freed
    assert "macAddress" not in freed


def test_an_interface_may_go_with_its_machine(machines: Machines) -> None:
    interface = machines.interface("nic2")
    body = machines.body(interface)
    body["properties"]["networkProfile"]["networkInterfaces"][0]["properties"] = {"deleteOption": "Delete"}
    machines.put(body)
    machines.ask("DELETE", machines.path("vm2"))
    assert machines.ask("GET", interface, version=NETWORK).status == 404


def test_a_missing_interface(machines: Machines) -> None:
    missing = f"{machines.network}/networkInterfaces/nowhere"
    answer = machines.put(machines.body(missing))
    assert (answer.status, code(answer)) == (400, "InvalidResourceReference")
    assert message(answer) == (
        f"Resource {missing} referenced by resource {machines.path('vm2')} was not found. Please make sure that the "
        "referenced resource exists, and that both resources are in the same region."
    )


def test_an_interface_in_another_region(machines: Machines) -> None:
    body = {**machines.body(machines.interface("nic2")), "location": "westus"}
    assert code(machines.put(body)) == "InvalidResourceReference"


def test_the_interface_of_another_machine(machines: Machines) -> None:
    taken = f"{machines.network}/networkInterfaces/myVMVMNic"
    answer = machines.put(machines.body(taken))
    assert (answer.status, code(answer)) == (400, "NicInUse")
    assert message(answer) == f"Network Interface {taken} is used by existing VM {machines.path()}."


def test_joining_an_interface_is_a_right_of_its_own(machines: Machines) -> None:
    desk, interface = machines.desk, machines.interface("nic2")
    caller = desk.caller("contributor")
    desk.grant(caller, VM_CONTRIBUTOR, machines.path("vm2"))
    refused = machines.put(machines.body(interface), caller=caller)
    assert code(refused) == "LinkedAuthorizationFailed"
    assert "'Microsoft.Network/networkInterfaces/join/action'" in message(refused)
    desk.grant(caller, VM_CONTRIBUTOR, interface)
    assert machines.put(machines.body(interface), caller=caller).status == 201


def test_two_interfaces_want_a_primary(machines: Machines) -> None:
    body = machines.body(machines.interface("nic2"), machines.interface("nic3"))
    assert code(machines.put(body)) == "NetworkInterfaceMustHavePrimaryPropertySet"
    body["properties"]["networkProfile"]["networkInterfaces"][1]["properties"] = {"primary": True}
    assert machines.put(body).status == 201
    second = machines.ask("GET", f"{machines.network}/networkInterfaces/nic3", version=NETWORK)
    assert second.body["properties"]["primary"] is True


def test_interfaces_change_only_while_deallocated(machines: Machines) -> None:
    interface = machines.interface("nic2")
    change = {"properties": {"networkProfile": {"networkInterfaces": [{"id": interface}]}}}
    refused = machines.patch(change)
    assert refused.status == 400
    assert code(refused) == "AddingOrDeletingNetworkInterfacesOnARunningVirtualMachineNotSupported"
    machines.ask("POST", f"{machines.path()}/deallocate")
    assert machines.patch(change).status == 200
    old = machines.ask("GET", f"{machines.network}/networkInterfaces/myVMVMNic", version=NETWORK)
    new = machines.ask("GET", interface, version=NETWORK)
    assert "virtualMachine" not in old.body["properties"]
    assert new.body["properties"]["virtualMachine"] == {"id": machines.path()}


# --- changes -------------------------------------------------------------------------------------------------------


def test_a_machine_put_as_it_was_read_stays_as_it_is(machines: Machines) -> None:
    before = machines.get()
    answer = machines.put(before, "myVM")
    assert (answer.status, answer.body["properties"]["provisioningState"]) == (200, "Succeeded")
    assert machines.get() == {**before, "etag": '"2"'}


def test_patch_is_answered_200_without_location(machines: Machines) -> None:
    before = machines.get()
    answer = machines.patch({"tags": {"a": "b"}, "properties": {"hardwareProfile": {"vmSize": "Standard_D2s_v3"}}})
    assert answer.status == 200
    assert answer.body["properties"]["provisioningState"] == "Updating"
    assert not {"location", "retry-after"} & set(headers(answer))
    after = machines.get()
    assert after["tags"] == {"a": "b"}
    assert after["properties"]["hardwareProfile"] == {"vmSize": "Standard_D2s_v3"}
    assert after["properties"]["osProfile"] == before["properties"]["osProfile"]


def test_put_without_tags_takes_them_away_and_patch_does_not(machines: Machines) -> None:
    machines.patch({"tags": {"a": "b"}})
    machines.patch({})
    assert machines.get()["tags"] == {"a": "b"}
    machines.put({"location": "eastus"}, "myVM")
    assert "tags" not in machines.get()


@pytest.mark.parametrize(
    ("properties", "shown"),
    [
        ({"storageProfile": {"imageReference": {"sku": "2019-datacenter"}}}, "imageReference"),
        ({"storageProfile": {"osDisk": {"name": "other"}}}, "osDisk.name"),
        ({"storageProfile": {"osDisk": {"osType": "Linux"}}}, "osDisk.osType"),
        ({"storageProfile": {"osDisk": {"managedDisk": {"id": "/other"}}}}, "osDisk.managedDisk.id"),
        ({"osProfile": {"adminUsername": "someone"}}, "osProfile.adminUsername"),
        ({"osProfile": {"computerName": "other"}}, "osProfile.computerName"),
        (
            {"osProfile": {"windowsConfiguration": {"provisionVMAgent": False}}},
            "windowsConfiguration.provisionVMAgent",
        ),
    ],
)
def test_what_is_fixed_cannot_change(machines: Machines, properties: Any, shown: str) -> None:
    before = machines.get()
    for answer in (
        machines.patch({"properties": properties}),
        machines.put({"location": "eastus", "properties": properties}, "myVM"),
    ):
        assert (answer.status, code(answer)) == (409, "PropertyChangeNotAllowed")
        assert message(answer) == f"Changing property '{shown}' is not allowed."
    assert machines.get() == before


def test_a_machine_does_not_move(machines: Machines) -> None:
    answer = machines.put({"location": "westus"}, "myVM")
    assert (answer.status, code(answer)) == (409, "InvalidResourceLocation")


def test_a_put_that_changes_nothing_begins_no_operation(machines: Machines) -> None:
    identity = machines.identity("ID1")
    block = {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {identity: {}}}
    machines.patch({"identity": block, "tags": {"a": "b"}, "properties": {"userData": "AA=="}})
    found = machines.get()
    for body in (found, {"location": "eastus", "tags": {"a": "b"}}, {**found, "properties": {"userData": "AA=="}}):
        answer = machines.put(body, "myVM")
        assert (answer.status, answer.body) == (200, {**found, "etag": headers(answer)["etag"]})
        assert not {"azure-asyncoperation", "location"} & set(headers(answer))
    changes: list[dict[str, Any]] = [{"tags": {}}, {"properties": {"userData": "BB=="}}]
    for change in changes:
        answer = machines.put({**found, **change}, "myVM")
        assert answer.body["properties"]["provisioningState"] == "Updating"
        assert "azure-asyncoperation" in headers(answer)
    assert "azure-asyncoperation" in headers(machines.patch({}))


def test_the_etag_counts_and_can_be_a_condition(machines: Machines) -> None:
    assert machines.get()["etag"] == '"1"'
    assert headers(machines.patch({}))["etag"] == '"2"'
    stale = machines.patch({}, headers={"If-Match": '"1"'})
    assert (stale.status, code(stale)) == (412, "PreconditionFailed")
    assert machines.patch({}, headers={"If-Match": '"2"'}).body["etag"] == '"3"'
    assert machines.put({"location": "eastus"}, "myVM", headers={"If-None-Match": "*"}).status == 412
    body = machines.body(machines.interface("nic2"))
    assert machines.put(body, headers={"If-Match": "*"}).status == 412
    assert machines.put(body, headers={"If-None-Match": "*"}).status == 201


# --- reading and deleting ------------------------------------------------------------------------------------------


def test_the_instance_view_comes_alone_or_expanded(machines: Machines) -> None:
    view = machines.ask("GET", f"{machines.path()}/instanceView").body
    expanded = machines.ask("GET", f"{machines.path()}?$expand=instanceView").body
    assert expanded["properties"].pop("instanceView") == view
    assert expanded == machines.get()
    assert [status["code"] for status in view["statuses"]] == ["ProvisioningState/succeeded", "PowerState/running"]
    assert view["computerName"] == "myVM"
    assert machines.ask("GET", f"{machines.path()}?$expand=nonsense").status == 400


def test_lists_show_what_the_caller_may_read(machines: Machines) -> None:
    machines.put(machines.body(machines.interface("nic2")))
    reader = machines.desk.caller("reader")
    machines.desk.grant(reader, READER, machines.path("vm2"))
    for scope in (machines.desk.group, machines.desk.subscription):
        path = f"{scope}/providers/Microsoft.Compute/virtualMachines"
        assert [found["name"] for found in machines.ask("GET", path).body["value"]] == ["myVM", "vm2"]
        seen = machines.ask("GET", path, caller=reader).body["value"]
        assert [found["name"] for found in seen] == ["vm2"]


def test_a_list_for_status_shows_what_each_machine_is_doing(machines: Machines) -> None:
    path = f"{machines.desk.subscription}/providers/Microsoft.Compute/virtualMachines"
    machines.ask("POST", f"{machines.path()}/deallocate")
    (plain,) = machines.ask("GET", path).body["value"]
    (found,) = machines.ask("GET", f"{path}?statusOnly=true").body["value"]
    view = found["properties"].pop("instanceView")
    assert [status["code"] for status in view["statuses"]][-1] == "PowerState/deallocated"
    assert found == plain


def test_a_region_lists_its_machines(machines: Machines) -> None:
    def names(location: str) -> list[str]:
        path = f"{machines.desk.subscription}/providers/Microsoft.Compute/locations/{location}/virtualMachines"
        return [found["name"] for found in machines.ask("GET", path).body["value"]]

    assert names("eastus") == names("East US") == ["myVM"]
    assert names("westus") == names("atlantis") == []


def test_deleting(machines: Machines) -> None:
    machines.desk.cloud.machines_changed = False
    answer = machines.ask("DELETE", machines.path())
    assert (answer.status, answer.body) == (202, None)
    assert {"azure-asyncoperation", "location"} <= set(headers(answer))
    assert machines.desk.cloud.machines_changed
    assert machines.ask("GET", machines.path()).status == 404
    assert machines.ask("DELETE", machines.path()).status == 204
    assert running_machines(machines.desk.cloud) == []
    followed = machines.ask("GET", headers(answer)["location"])
    assert (followed.status, followed.body) == (200, None)


def test_a_group_takes_its_machines_along(machines: Machines) -> None:
    object_id = machines.patch({"identity": {"type": "SystemAssigned"}}).body["identity"]["principalId"]
    machines.desk.ask("DELETE", machines.desk.group, version="2025-04-01")
    assert running_machines(machines.desk.cloud) == []
    assert machines.desk.cloud.directory.by_object_id(object_id) is None


def test_an_interface_elsewhere_is_free_once_its_machines_group_is_gone(machines: Machines) -> None:
    desk = machines.desk
    group = desk.cloud.seed_data.group("machines-only")
    desk.ask("PUT", group, {"location": "eastus"}, version="2025-04-01")
    interface = machines.interface("nic2")
    path = f"{group}/providers/Microsoft.Compute/virtualMachines/vm2"
    assert machines.ask("PUT", path, machines.body(interface)).status == 201
    desk.ask("DELETE", group, version="2025-04-01")
    assert "virtualMachine" not in machines.ask("GET", interface, version=NETWORK).body["properties"]
    assert machines.put(machines.body(interface)).status == 201


def test_every_operation_wants_a_role(machines: Machines) -> None:
    reader = machines.desk.caller("reader")
    machines.desk.grant(reader, READER, machines.desk.group)
    for method, suffix, action in (
        ("PUT", "", "write"),
        ("PATCH", "", "write"),
        ("DELETE", "", "delete"),
        ("POST", "/start", "start/action"),
        ("POST", "/restart", "restart/action"),
        ("POST", "/powerOff", "powerOff/action"),
        ("POST", "/deallocate", "deallocate/action"),
    ):
        answer = machines.ask(method, machines.path() + suffix, {}, caller=reader)
        assert (answer.status, code(answer)) == (403, "AuthorizationFailed")
        assert f"'Microsoft.Compute/virtualMachines/{action}' over scope '{machines.path()}'" in message(answer)
    nobody = machines.desk.caller("nobody")
    for suffix in ("", "/instanceView"):
        assert machines.ask("GET", machines.path() + suffix, caller=reader).status == 200
        assert machines.ask("GET", machines.path() + suffix, caller=nobody).status == 403
