"""The command line's own requests: made as the operator, over the same TLS and through the same gate as all others."""

import json
import ssl
from collections.abc import Mapping
from http.client import HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import quote, urlencode

from sandbox.core.http import COMMAND_LINE
from sandbox.core.ids import Ids
from sandbox.core.seed_data import LOCAL_API_VERSION, SeedData
from sandbox.state.state_directory import Runtime, StateDirectory

_TIMEOUT = 10  # seconds


class RefusedError(Exception):
    """The sandbox refused a request; the message is its own."""


class OperatorClient:
    """Talks to the running sandbox at ``runtime`` with the operator's secret."""

    def __init__(self, state: StateDirectory, runtime: Runtime) -> None:
        self.state = state
        self.runtime = runtime
        self._tls = ssl.create_default_context(cafile=state.authority)
        self.seed_data = SeedData(Ids(runtime.settings.seed))

    @property
    def secret(self) -> str:
        """The operator's secret."""
        return str(json.loads(self.state.operator.read_bytes())["clientSecret"])

    def arm(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to the provider ``Sandbox.Local`` and return its answer.

        Raises RefusedError where that is an error, and OSError where the sandbox cannot be reached.
        """
        url = f"{quote(path)}?{urlencode({'api-version': LOCAL_API_VERSION})}"
        headers = {"Authorization": f"Bearer {self._token()}", "Content-Type": "application/json"}
        return self._send(method, url, None if body is None else json.dumps(body), headers)

    def _token(self) -> str:
        form = urlencode(
            {
                "grant_type": "client_credentials",
                "client_id": self.seed_data.operator_client_id,
                "client_secret": self.secret,
                "scope": "https://management.azure.com/.default",
            }
        )
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self._send("POST", f"/{self.seed_data.tenant_id}/oauth2/v2.0/token", form, headers)
        return str(answer["access_token"])

    def _send(self, method: str, url: str, body: str | None, headers: Mapping[str, str]) -> Any:
        connection = HTTPSConnection("localhost", self.runtime.port, context=self._tls, timeout=_TIMEOUT)
        try:
            connection.request(method, url, body, {"User-Agent": COMMAND_LINE, **headers})
            response = connection.getresponse()
            content = json.loads(response.read() or b"null")
        except (HTTPException, ValueError) as error:
            raise RefusedError(f"What answers on port {self.runtime.port} is not the sandbox.") from error
        finally:
            connection.close()
        if response.status >= 400:
            refusal = content.get("error")
            raise RefusedError(refusal["message"] if isinstance(refusal, dict) else str(refusal))
        return content
