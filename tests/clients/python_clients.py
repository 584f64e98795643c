"""Azure's management clients for Python, plain and async, behind one way to call them."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from azure.core.credentials import AccessToken
from azure.core.paging import ItemPaged
from azure.identity.aio import ClientSecretCredential as AsyncClientSecretCredential
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.authorization.aio import AuthorizationManagementClient as AsyncAuthorizationManagementClient
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.compute.aio import ComputeManagementClient as AsyncComputeManagementClient
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.msi.aio import ManagedServiceIdentityClient as AsyncManagedServiceIdentityClient
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.resources.aio import ResourceManagementClient as AsyncResourceManagementClient

from tests.support.sandbox import RunningSandbox

KINDS = ("plain", "async")
_PLAIN = (
    AuthorizationManagementClient,
    ComputeManagementClient,
    ManagedServiceIdentityClient,
    ResourceManagementClient,
)
_ASYNC = (
    AsyncAuthorizationManagementClient,
    AsyncComputeManagementClient,
    AsyncManagedServiceIdentityClient,
    AsyncResourceManagementClient,
)
GROUPS = (
    "federated_identity_credentials",
    "permissions",
    "providers",
    "resource_groups",
    "resources",
    "role_assignments",
    "role_definitions",
    "system_assigned_identities",
    "user_assigned_identities",
    "virtual_machines",
)


class Azure:
    """All clients as one; every call is awaited to its end, and its name is noted in ``called``.

    ``await azure.virtual_machines.begin_start(…)`` gives the result, ``await azure.resources.list()`` a list.
    """

    def __init__(self, clients: list[Any]) -> None:
        self._groups = {name: getattr(client, name) for client in clients for name in GROUPS if hasattr(client, name)}
        self.called: set[str] = set()

    def offers(self, call: str) -> bool:
        """Tell whether ``group.method`` is a call, not an attribute of a model that goes by the same name."""
        group, _, method = call.partition(".")
        return hasattr(self._groups[group], method)

    def __getattr__(self, name: str) -> _Group:
        return _Group(name, self._groups[name], self.called)


class _Group:
    def __init__(self, name: str, operations: Any, called: set[str]) -> None:
        self._name, self._operations, self._called = name, operations, called

    def __getattr__(self, method: str) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: Any, **options: Any) -> Any:
            self._called.add(f"{self._name}.{method}")
            return await _settled(getattr(self._operations, method)(*arguments, **options))

        return call


async def _settled(value: Any) -> Any:
    if inspect.isawaitable(value):
        value = await value
    if hasattr(value, "result"):
        value = value.result()
        return await value if inspect.isawaitable(value) else value
    if isinstance(value, ItemPaged):
        return list(value)
    return [each async for each in value] if hasattr(value, "__aiter__") else value


class FixedToken:
    """A credential that has one token, good or not."""

    def __init__(self, token: str) -> None:
        self._token = token

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return AccessToken(self._token, 2**32)


class AsyncFixedToken:
    """The same for async clients."""

    def __init__(self, token: str) -> None:
        self._credential = FixedToken(token)

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return self._credential.get_token(*scopes, **options)


@asynccontextmanager
async def azure_of(sandbox: RunningSandbox, kind: str, token: str | None = None) -> AsyncIterator[Azure]:
    """The clients of one of ``KINDS``, signed in as the operator, or with ``token`` whatever it is."""
    if kind == "plain":
        credential: Any = sandbox.credential() if token is None else FixedToken(token)
        yield Azure([sandbox.client(client, credential) for client in _PLAIN])
        return
    async with AsyncExitStack() as open_clients:
        credential = AsyncFixedToken(token or "")
        if token is None:
            credential = await open_clients.enter_async_context(_operator(sandbox))
        yield Azure([await open_clients.enter_async_context(sandbox.client(each, credential)) for each in _ASYNC])


def _operator(sandbox: RunningSandbox) -> AsyncClientSecretCredential:
    return AsyncClientSecretCredential(
        sandbox.seed_data.tenant_id,
        sandbox.seed_data.operator_client_id,
        sandbox.secret,
        authority=sandbox.endpoint,
        disable_instance_discovery=True,
        connection_verify=sandbox.ca,
    )
