"""Carries out a template: every resource of it is a request of its own, made by the same caller through the same gate.

Nothing is kept of a deployment of which one resource is refused: what Azure finds out by a validation beforehand is
found out here by trying.
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from rbac.folding import fold
from sandbox.arm.resources.templates.errors import TemplateError
from sandbox.arm.resources.templates.jsonc import read_jsonc
from sandbox.arm.resources.templates.plan import DeploymentScope, Planned
from sandbox.arm.resources.templates.template import Template
from sandbox.arm.routing import Call
from sandbox.arm.tracked import existing_group
from sandbox.core import errors, seed_data
from sandbox.core.errors import AzureError
from sandbox.core.resource_ids import parse_resource_id

_LARGEST = 4 * 1024 * 1024  # bytes of all resources, with their copies and expressions replaced by values
_MOST_REFERENCES = 5000  # each is a request
_NAME = re.compile(r"[-\w._()]{1,64}")
_TERMINAL = ("Succeeded", "Failed", "Canceled")


class Deployment:
    """A template that was read from a request, ready to be carried out."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self.name = call["name"]
        if not _NAME.fullmatch(self.name):
            raise errors.refusal("InvalidDeploymentName", self.name)
        given = call.body(read_jsonc).object("properties", required=True)
        if "templateLink" in given or "parametersLink" in given:
            raise errors.refusal("InvalidRequestContent.links")
        if "onErrorDeployment" in given:
            raise errors.refusal("InvalidRequestContent.onErrorDeployment")
        self.mode = (given.text("mode") or "").capitalize()
        if self.mode != "Incremental":
            raise errors.refusal("InvalidRequestContent.mode", given.text("mode"))
        template = given.object("template", required=True).written
        parameters = given.object("parameters").written
        about = {"name": self.name, "properties": {"mode": self.mode}}
        target = DeploymentScope(_subscription(call), existing_group(call).body, about)
        self.template_hash = hashed(json.dumps(template, sort_keys=True))
        self.template: Template = _readable(lambda: Template(template, parameters, target))
        self._by_name = {
            fold(name): resource
            for resource in reversed(self.template.resources)
            for name in (resource.name, resource.id)
        }
        self._references = 0
        self._check_rights()

    def carry_out(self, *, keep: bool) -> dict[str, Any]:
        """Make or change the resources, and undo that unless they are to be kept; return the outputs."""
        with self._call.cloud.store.attempt(keep=keep):
            outputs = self._make()
        return outputs

    def _make(self) -> dict[str, Any]:
        size = 0
        for resource in self.template.resources:
            content = json.dumps(_readable(partial(resource.content, self._reference))).encode()
            size += len(content)
            if size > _LARGEST:
                raise _invalid_template(f"The template's resources come to more than {_LARGEST} bytes")
            try:
                self._ask("PUT", resource.id, resource.api_version, content)
            except AzureError as error:
                raise self._refused(error) from error
        outputs: dict[str, Any] = _readable(partial(self.template.outputs, self._reference))
        return outputs

    def _check_rights(self) -> None:
        caller, gate = self._call.caller, self._call.cloud.gate
        refused = [
            f"Authorization failed for template resource '{resource.name}' of type '{resource.type}'. The client "
            f"'{caller.client_id}' with object id '{caller.object_id}' does not have permission to perform action "
            f"'{_action(resource)}' at scope '{resource.id}'."
            for resource in self.template.resources
            if not gate.allows(caller.object_id, _action(resource), resource.id)
        ]
        if refused:
            raise errors.refusal(
                "InvalidTemplateDeployment.denied" if len(refused) == 1 else "InvalidTemplateDeployment.severalDenied",
                ":".join(refused),
            )

    def _reference(self, name: str, version: str | None = None, full: str | None = None) -> Any:
        """Look up a resource by its id, or by its name if it is one of the template's."""
        known = self._by_name.get(fold(name))
        version = version or (known.api_version if known else None)
        if version is None:
            raise _invalid_template(
                f"The template function 'reference' needs an api-version for the resource '{name}', which the template "
                "does not define."
            )
        self._references += 1
        if self._references > _MOST_REFERENCES:
            raise _invalid_template(f"The template calls 'reference' more than {_MOST_REFERENCES} times")
        body = self._ask("GET", known.id if known else name, version)
        return body if full is not None else body.get("properties", {})

    def _ask(self, method: str, path: str, version: str, content: bytes = b"") -> Any:
        outer = self._call.request
        query = (("api-version", version),)
        return self._call.perform(replace(outer, method=method, path=path, query=query, body=content)).body

    def _refused(self, inner: AzureError) -> AzureError:
        number = self._call.cloud.store.next_number("deployments")
        tracking_id = self._call.cloud.ids.guid("tracking", self.name, number)
        details = [inner.body()["error"]]
        return errors.refusal("InvalidTemplateDeployment.resource", self.name, tracking_id, details=details)


def hashed(text: str) -> str:
    """Return a number of 64 bits as text: what Azure calls a template, and an operation, by."""
    return str(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))


def is_done(call: Call, resource_ids: list[str]) -> bool:
    """Return whether none of the resources is still being made."""
    for resource_id in resource_ids:
        found = call.cloud.store.get(resource_id)
        state = None if found is None else found.body.get("properties", {}).get("provisioningState")
        if state is not None and state not in _TERMINAL:
            return False
    return True


def _invalid_template(message: str) -> AzureError:
    where = {"type": "TemplateViolation", "info": {"lineNumber": 0, "linePosition": 0, "path": ""}}
    return errors.refusal("InvalidTemplate", message, additionalInfo=[where])


def _readable(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except TemplateError as error:
        raise _invalid_template(str(error)) from error


def _action(resource: Planned) -> str:
    return f"{parse_resource_id(resource.id).type}/write"


def _subscription(call: Call) -> dict[str, Any]:
    seeded = call.cloud.seed_data
    return {
        "id": seeded.subscription,
        "subscriptionId": seeded.subscription_id,
        "tenantId": seeded.tenant_id,
        "displayName": seed_data.SUBSCRIPTION_NAME,
    }
