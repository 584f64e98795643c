"""Programs that know only the real Azure's addresses, run inside a machine."""

import json
import sys

import pytest

from sandbox.core.seed_data import LOCAL_API_VERSION
from tests.sandbox.guest.lab import Lab
from tests.support.needs import in_need_of

pytestmark = pytest.mark.usefixtures("namespaces")

TOKEN_URL = (
    "http://169.254.169.254/metadata/identity/oauth2/token"
    "?api-version=2018-02-01&resource=https%3A%2F%2Fmanagement.azure.com%2F"
)
READ_GROUP = """
import json, logging
from azure.core.exceptions import HttpResponseError
from azure.identity import ManagedIdentityCredential
from azure.mgmt.resource.resources import ResourceManagementClient
client = ResourceManagementClient(ManagedIdentityCredential(), {subscription!r})
try:
    print(json.dumps(client.resource_groups.get("myResourceGroupVM").name))
except HttpResponseError as error:
    print(json.dumps([error.status_code, error.error.code]))
"""
TRUSTING = {
    "curl": ["curl", "--silent", "--show-error", "--output", "-", "{url}"],
    "node": ["node", "-e", "fetch('{url}').then(answer => answer.text()).then(text => console.log(text))"],
    "requests": [sys.executable, "-c", "import requests; print(requests.get('{url}').text)"],
    "urllib": [sys.executable, "-c", "import urllib.request as r; print(r.urlopen('{url}').read().decode())"],
    "aiohttp": [
        sys.executable,
        "-c",
        "import asyncio, aiohttp\n"
        "async def main():\n"
        "    async with aiohttp.request('GET', '{url}') as answer: print(await answer.text())\n"
        "asyncio.run(main())",
    ],
}


def test_the_quickstarts_own_command_gets_a_token(lab: Lab) -> None:
    in_need_of("curl")
    done = lab.inside("myVM", "curl", "-sS", "-H", "Metadata:true", TOKEN_URL)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["client_id"] == lab.identity("ID1")["properties"]["clientId"]
    assert answer["token_type"] == "Bearer" and answer["access_token"].count(".") == 2


@pytest.mark.parametrize("program", TRUSTING)
def test_sign_in_is_at_its_own_address_and_trusted(lab: Lab, program: str) -> None:
    in_need_of(TRUSTING[program][0])
    url = f"https://login.microsoftonline.com/{lab.seed_data.tenant_id}/v2.0/.well-known/openid-configuration"
    done = lab.inside("myVM", *(word.replace("{url}", url) for word in TRUSTING[program]))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["token_endpoint"].startswith(
        f"https://login.microsoftonline.com/{lab.seed_data.tenant_id}/"
    )


def test_a_credential_without_any_setting_reads_what_its_identity_may(lab: Lab) -> None:
    program = READ_GROUP.format(subscription=lab.seed_data.subscription_id)
    assert lab.python("myVM", program) == "myResourceGroupVM"
    assert lab.python("web", program) == [403, "AuthorizationFailed"]


def test_two_machines_see_different_worlds_at_one_address_at_one_time(lab: Lab) -> None:
    ask = f'read go; curl -sS -H Metadata:true "{TOKEN_URL}"; read go'
    both = {machine: lab.start_inside(machine, "sh", "-c", f"echo ready; {ask}") for machine in ("myVM", "web")}
    seen = {}
    try:
        for process in both.values():
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
        for machine, process in both.items():  # both are inside by now
            seen[machine] = json.loads(process.communicate("go\ngo\n", timeout=300)[0])["client_id"]
    finally:
        for process in both.values():
            process.kill()
            process.wait()
    assert seen == {
        machine: lab.identity(name)["properties"]["clientId"] for machine, name in (("myVM", "ID1"), ("web", "ID2"))
    }


def test_the_hosts_own_azure_settings_stay_outside(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_CLIENT_SECRET", "ARM_CLIENT_SECRET", "MSI_ENDPOINT", "IDENTITY_HEADER", "https_proxy"):
        monkeypatch.setenv(name, "http://host.invalid")
    monkeypatch.setenv("GREETING", "hello")
    names = "[name for name, value in os.environ.items() if 'host.invalid' in value]"
    assert lab.python("myVM", f"import json, os; print(json.dumps({names}))") == []
    assert lab.inside("myVM", "printenv", "GREETING").stdout == "hello\n"


def test_the_azure_clis_folder_is_the_machines_and_kept(lab: Lab) -> None:
    lab.inside("myVM", "sh", "-c", "echo signed-in > $AZURE_CONFIG_DIR/mark")
    assert lab.inside("myVM", "sh", "-c", "cat $AZURE_CONFIG_DIR/mark").stdout == "signed-in\n"
    assert lab.inside("web", "sh", "-c", "cat $AZURE_CONFIG_DIR/mark").returncode == 1


def test_many_requests_at_once_all_come_through(lab: Lab) -> None:
    program = f"""
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
import requests
local = requests.Session()
def ask(number):
    if number % 2:
        return requests.get("https://management.azure.com{lab.group}?api-version=2025-04-01").status_code
    return local.get({TOKEN_URL!r}, headers={{"Metadata": "true"}}).status_code
with ThreadPoolExecutor(20) as pool:
    print(json.dumps(Counter(pool.map(ask, range(60)))))
"""
    assert lab.python("myVM", program) == {"200": 30, "401": 30}


def test_a_large_request_comes_through_whole(lab: Lab) -> None:
    program = f"""
import json, requests
token = requests.get({TOKEN_URL!r}, headers={{"Metadata": "true"}}).json()["access_token"]
headers = {{"Authorization": f"Bearer {{token}}"}}
url = "https://management.azure.com{lab.group}/providers/Sandbox.Local/explain?api-version={LOCAL_API_VERSION}"
sizes = (4 * 1024 * 1024, 4 * 1024 * 1024 + 1)
print(json.dumps([requests.post(url, data=b"x" * size, headers=headers).status_code for size in sizes]))
"""
    assert lab.python("myVM", program) == [400, 413]
