"""The tenant as Entra sees it: who its principals are, what they can have tokens for, and the key that signs them."""

from dataclasses import dataclass

from sandbox.core.clock import Clock
from sandbox.core.seed_data import SeedData
from sandbox.entra.tokens import TokenIssuer
from sandbox.entra.validation import RESOURCES, TokenValidator
from sandbox.state.directory import Directory

READ_DIRECTORY = "Directory.Read.All"
"""The permission without which Microsoft Graph refuses, as it does to a managed identity that was granted none."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """The services that signing in takes."""

    seed_data: SeedData
    clock: Clock
    directory: Directory
    issuer: TokenIssuer
    validator: TokenValidator
    graph_validator: TokenValidator

    def has_resource(self, name: str) -> bool:
        """Return whether a token can be had for the resource ``name``; a final slash does not matter.

        Besides Microsoft's there are the sandbox's own addresses.
        """
        own = self.validator.accepts(name) or self.graph_validator.accepts(name)
        return own or name.removesuffix("/") in RESOURCES

    def permissions(self, object_id: str, resource: str) -> tuple[str, ...]:
        """Return what a principal's token for ``resource`` permits besides Azure's roles.

        Only Graph goes by such permissions; the operator may read the directory, and nobody else was granted any.
        """
        is_operator = object_id == self.seed_data.operator_object_id
        return (READ_DIRECTORY,) if is_operator and self.graph_validator.accepts(resource) else ()
