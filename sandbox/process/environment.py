"""The environment variables that point Azure's own clients at the sandbox."""

import json
from collections.abc import Callable, Mapping
from functools import partial

from rbac.scopes import canonical
from sandbox.core import seed_data
from sandbox.core.resource_ids import VIRTUAL_MACHINE
from sandbox.process.operator_client import OperatorClient, RefusedError

_UNPROXIED = "127.0.0.1,localhost,169.254.169.254,management.azure.com,login.microsoftonline.com,graph.microsoft.com"


def environment(client: OperatorClient, vm: str | None) -> dict[str, str]:
    """Return the variables; ``vm`` names the machine whose metadata service they point to.

    Without a name it is the seeded machine's, as long as that runs. Raises RefusedError where no such machine is
    running, or several have that name.
    """
    variables = client_variables(client)
    group = client.seed_data.group(seed_data.RESOURCE_GROUP)
    seeded = canonical(f"{group}/providers/{VIRTUAL_MACHINE}/{seed_data.VM_NAME}")
    found = _metadata_services(client).get(seeded) if vm is None else running_machine(client, vm)
    if found is not None:
        variables["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = found[1]
    return variables


def client_variables(client: OperatorClient) -> dict[str, str]:
    """Return the variables that any client needs to sign in as the operator; nothing is asked for them."""
    endpoint = f"https://localhost:{client.runtime.port}"
    authority = str(client.state.authority)
    return {
        "AZURE_TENANT_ID": client.seed_data.tenant_id,
        "AZURE_CLIENT_ID": client.seed_data.operator_client_id,
        "AZURE_CLIENT_SECRET": client.secret,
        "AZURE_AUTHORITY_HOST": endpoint,
        "AZURE_RESOURCE_MANAGER_ENDPOINT": endpoint,
        "AZURE_SUBSCRIPTION_ID": client.seed_data.subscription_id,
        "REQUESTS_CA_BUNDLE": authority,
        "SSL_CERT_FILE": authority,
        "NODE_EXTRA_CA_CERTS": authority,
        "NO_PROXY": _UNPROXIED,
        "no_proxy": _UNPROXIED,
    }


def running_machine(client: OperatorClient, vm: str) -> tuple[str, str]:
    """Return the id of the running machine with the name or id ``vm``, and the address of its metadata service.

    Raises RefusedError where there is none, or several have that name.
    """
    services = _metadata_services(client)
    wanted = canonical(vm)
    found = [key for key in services if key == wanted or key.endswith(f"/virtualmachines{wanted}")]
    if not found:
        running = ", ".join(sorted(machine_id.rpartition("/")[2] for machine_id, _ in services.values())) or "none"
        raise RefusedError(f"No virtual machine '{vm}' is running. Running are: {running}.")
    if len(found) > 1:
        raise RefusedError(f"Several machines are named '{vm}'. Give one's id: {', '.join(sorted(found))}")
    return services[found[0]]


def _metadata_services(client: OperatorClient) -> dict[str, tuple[str, str]]:
    """Return the id and the address of each running machine by its canonical id."""
    path = f"{client.seed_data.subscription}/providers/Sandbox.Local/metadataServices"
    machines = (
        (service["id"].partition("/providers/Sandbox.Local/")[0], service["properties"]["endpoint"])
        for service in client.arm("GET", path)["value"]
    )
    return {canonical(machine_id): (machine_id, endpoint) for machine_id, endpoint in machines}


def _commands(command: str, quote: str, variables: Mapping[str, str]) -> str:
    """Return a line for each variable; ``quote`` is how its shell writes one within quotes: shlex knows sh alone."""
    return "\n".join(command.format(name, value.replace("'", quote)) for name, value in variables.items())


FORMATS: Mapping[str, Callable[[Mapping[str, str]], str]] = {
    "sh": partial(_commands, "export {}='{}'", "'\\''"),
    "powershell": partial(_commands, "$env:{} = '{}'", "''"),
    "json": partial(json.dumps, indent=2),
}
