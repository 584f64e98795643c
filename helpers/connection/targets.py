"""The two places that one connects to: the sandbox on this computer, and Azure in the cloud."""

from __future__ import annotations

import os
from dataclasses import replace

from azure.identity import ClientSecretCredential
from requests.adapters import HTTPAdapter

from helpers.connection.connection import TARGETS, Connection
from helpers.connection.settings import points_to_sandbox, sandbox_settings
from helpers.connection.sign_in import RememberingCredential, Way, azure_credential, check_sign_in
from helpers.connection.subscriptions import active_in_az, choose_subscription
from helpers.errors import TutorialError
from helpers.names import check_names
from helpers.transport import (
    ENTRA,
    RESOURCE_MANAGER,
    RETRIES,
    FixedAddressAdapter,
    check_reachable,
    sdk_transport,
    session_with,
)

_WAYS_TO_VM = ("here", "run-command")


def connect(
    target: str = "sandbox", subscription_id: str = "", *, sign_in: Way = "auto", reach_vm: str = "here"
) -> Connection:
    """Sign in and choose the subscription.

    Args:
        target: ``"sandbox"``: the one that the environment points to, else one on this computer, started if need
            be. ``"azure"``: the public cloud.
        subscription_id: Its GUID. Empty: the one that ``AZURE_SUBSCRIPTION_ID`` names, or that the Azure CLI works
            in, or the only one that is enabled; in the sandbox its own.
        sign_in: How to sign in to Azure: by name, or a function that returns a credential. ``"auto"``: a pipeline's
            workload identity federation, or what ``DefaultAzureCredential`` finds but for the managed identity of the
            machine that the kernel may run on. The sandbox has a sign-in of its own.
        reach_vm: ``"here"`` if this kernel runs on the machine. ``"run-command"`` has scripts run on it, as root or
            SYSTEM. Any kernel on this computer reaches the machines of the sandbox.

    Raises:
        ValueError: There is no such target or way, or the id is not a GUID.
        TutorialError: The sandbox does not start, nobody is signed in, or the subscription is not to be seen.
    """
    if target not in TARGETS:
        raise ValueError(f"target = {target!r} is not known. It is 'sandbox' or 'azure'.")
    if reach_vm not in _WAYS_TO_VM:
        raise ValueError(f"reach_vm = {reach_vm!r} is not known. It is 'here' or 'run-command'.")
    check_sign_in(sign_in)
    if subscription_id:
        check_names(subscription_id=subscription_id)
    in_cloud = target == "azure"
    connection = _connect_to_azure(subscription_id, sign_in) if in_cloud else _connect_to_sandbox(subscription_id)
    return replace(connection, reach_vm=reach_vm)


def _connect_to_sandbox(subscription_id: str) -> Connection:
    settings = sandbox_settings()
    addresses = {RESOURCE_MANAGER: settings.endpoint, ENTRA: settings.authority}
    adapters = {
        literal: FixedAddressAdapter(address, settings.ca_file, stopped=settings.stopped)
        for literal, address in addresses.items()
    }
    who = (settings.tenant_id, settings.client_id, settings.client_secret)
    transport = sdk_transport(session_with(adapters, trust_env=False))
    credential = ClientSecretCredential(*who, authority=ENTRA, disable_instance_discovery=True, transport=transport)
    connection = Connection("sandbox", RememberingCredential("sandbox", credential), _adapters=adapters)
    wanted = subscription_id or settings.subscription_id
    return replace(connection, subscription=choose_subscription(connection.arm, wanted))


def _connect_to_azure(subscription_id: str, sign_in: Way) -> Connection:
    if points_to_sandbox():
        raise TutorialError(
            "target is 'azure', but the environment points to a sandbox. Take what 'python -m sandbox env' set out "
            "of the environment, beginning with AZURE_RESOURCE_MANAGER_ENDPOINT, and restart the kernel."
        )
    wanted = subscription_id or os.environ.get("AZURE_SUBSCRIPTION_ID", "")
    adapters = {RESOURCE_MANAGER: HTTPAdapter(max_retries=RETRIES)}  # one, so that all sessions share its connections
    connection = Connection("azure", azure_credential(sign_in), _adapters=adapters)
    check_reachable(connection.session(), RESOURCE_MANAGER)
    preferred = "" if wanted else active_in_az(connection.signed_in.tenant_id)
    return replace(connection, subscription=choose_subscription(connection.arm, wanted, preferred))
