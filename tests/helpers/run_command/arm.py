"""Resource Manager as far as Run Command needs it, in Azure's shapes: for what no sandbox can be brought to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import requests
from azure.core.credentials import AccessToken
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from helpers.connection import Connection
from helpers.transport import RESOURCE_MANAGER
from tests.helpers.run_command.wire import printed_by, values_of

VM_ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/myVM"
OPERATION = f"{RESOURCE_MANAGER}/subscriptions/s/providers/Microsoft.Compute/locations/eastus/operations/1"
RESULT = f"{OPERATION}?monitor=true"
OPERATOR_TOKEN = "eyJ.operator.token"

Refusal = tuple[int, str, str]  # status, code and message
Answering = Callable[[dict[str, str]], tuple[int, str]]


@dataclass
class Arm(HTTPAdapter):
    """Answers for one machine; ``begun`` holds the values of each script that was begun."""

    os_type: str = "Windows"
    power: str = "PowerState/running"
    agent: str = "Ready"
    refusals: list[Refusal | Exception] = field(default_factory=list)  # to the commands to come, one each
    failure: tuple[str, str] | None = None  # what an operation comes to
    polls: list[int | Exception] = field(default_factory=list)  # what is said of it before that
    output: Callable[[str], str] = lambda printed: printed  # what comes back of what a script printed
    answering: Answering = lambda values: (200, json.dumps({"url": values["url"]}))
    begun: list[dict[str, str]] = field(default_factory=list)
    commands: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        assert request.headers["Authorization"] == f"Bearer {OPERATOR_TOKEN}"
        if request.method == "POST":
            return self._begin(request)
        if VM_ID in str(request.url):
            return self._answer(request, 200, self._machine())
        return self._answer(request, 200, self._output() if request.url == RESULT else self._operation())

    def _machine(self) -> Any:
        view = {"statuses": [{"code": "ProvisioningState/succeeded"}, {"code": self.power}]}
        agent = {"vmAgent": {"statuses": [{"displayStatus": self.agent}]}} if self.agent else {}
        profile = {"osDisk": {"osType": self.os_type}}
        properties = {"storageProfile": profile, "instanceView": {**view, **agent}}
        return {"id": VM_ID, "name": "myVM", "location": "eastus", "properties": properties}

    def _begin(self, request: requests.PreparedRequest) -> requests.Response:
        refusal = self.refusals.pop(0) if self.refusals else None
        if isinstance(refusal, Exception):
            raise refusal
        if refusal is not None:
            status, code, message = refusal
            return self._answer(request, status, {"error": {"code": code, "message": message}})
        command = json.loads(request.body or b"{}")
        self.commands.append(command)
        self.begun.append(values_of("\n".join(command["script"])))
        return self._answer(request, 202, None, {"azure-asyncoperation": OPERATION, "location": RESULT})

    def _operation(self) -> Any:
        said = self.polls.pop(0) if self.polls else None
        if isinstance(said, Exception):
            raise said
        if said is not None:
            return {"status": "InProgress"}
        if self.failure is not None:
            code, message = self.failure
            return {"status": "Failed", "error": {"code": code, "message": message}}
        return {"status": "Succeeded", "properties": {"output": self._output()}}

    def _output(self) -> Any:
        values = self.begun[-1]
        status, body = self.answering(values)
        head = f"HTTP/1.1 {status}\ncontent-type: application/json"
        printed = self.output(printed_by(values["mark"], f"{head}\n\n{body}".encode()))
        return {"value": self._statuses(printed)}

    def _statuses(self, printed: str) -> list[dict[str, str]]:
        if self.os_type == "Linux":
            message = f"Enable succeeded: \n[stdout]\n{printed}\n[stderr]\n"
            return [{"code": "ProvisioningState/succeeded", "level": "Info", "message": message}]
        return [
            {"code": f"ComponentStatus/{stream}/succeeded", "level": "Info", "message": message}
            for stream, message in (("StdOut", printed), ("StdErr", ""))
        ]

    def _answer(
        self, request: requests.PreparedRequest, status: int, body: Any, headers: dict[str, str] | None = None
    ) -> requests.Response:
        content = b"" if body is None else json.dumps(body).encode()
        given = {"Content-Type": "application/json", **(headers or {})}
        return self.build_response(request, HTTPResponse(BytesIO(content), given, status, preload_content=False))


class _Operator:
    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return AccessToken(OPERATOR_TOKEN, 2**33)


def connected(arm: Arm) -> Connection:
    """A connection to Azure from afar, in which Resource Manager is ``arm``."""
    subscription = {"subscriptionId": "s", "displayName": "s", "tenantId": "t"}
    return Connection("azure", _Operator(), subscription, "run-command", _adapters={RESOURCE_MANAGER: arm})
