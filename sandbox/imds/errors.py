"""The metadata service's refusals.

Those of the identity endpoints have a code and a description, all others a sentence. Sentences marked (*) are ours: the
real one's are not recorded.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from sandbox.core.http import Answer, refusal

_MORE = "For more information refer to aka.ms/azureimds"


class MetadataError(Exception):
    """A refusal: HTTP ``status``, the ``code`` that the identity endpoints name it by, and a ``message``."""

    def __init__(
        self, status: int, code: str, message: str, *, extra: dict[str, object] | None = None, allow: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self._extra = extra or {}
        self._headers = {"Allow": allow} if allow else {}

    def answer(self, *, identity: bool) -> Answer:
        """Return the refusal in the shape of the ``identity`` endpoints, or of the others."""
        if identity:
            body: dict[str, object] = {"error": self.code, "error_description": str(self)}
        else:
            body = {"error": str(self), **self._extra}
        return Answer(self.status, body, dict(self._headers))


def no_version(newest: Iterable[str], *, given: bool = False) -> MetadataError:
    """No ``api-version``, or one that there is not."""
    what = "is invalid or was not specified" if given else "was not specified"
    message = f"Bad request. api-version {what} in the request. {_MORE}"
    return MetadataError(400, "invalid_request", message, extra={"newest-versions": list(newest)})


def wrong_method() -> MetadataError:
    """Another method than GET."""
    return MetadataError(405, "method_not_allowed", "Not allowed", allow="GET")


_bad_request = partial(refusal, MetadataError, 400, "invalid_request")

not_found = refusal(MetadataError, 404, "not_found", text="Not found")
too_many_requests = refusal(MetadataError, 429, "too_many_requests", text="Too many requests")
wrong_host = refusal(MetadataError, 403, "forbidden", text="The host '{}' is not the metadata service")  # (*)
another_user = refusal(  # (*) a process of somebody's who would not be on the machine in Azure
    MetadataError,
    403,
    "forbidden",
    text="This is the metadata service of another user's machine. If you may run commands on the machine, run again "
    "the cell or the command that enters it: Resource Manager then lets you in",
)
no_metadata_header = _bad_request(text="Required metadata header not specified")
forwarded = _bad_request(text="Requests with the X-Forwarded-For header are not accepted")  # (*)
duplicate_parameter = _bad_request(text="The query parameter '{}' is specified more than once")  # (*)
needs_text = _bad_request(text="Bad request. The value '{}' is only available with format=text. " + _MORE)  # (*)
unknown_format = _bad_request(text="Bad request. The format '{}' is not one of json and text. " + _MORE)  # (*)

# --- identities -------------------------------------------------------------------------------------------------------

no_resource = _bad_request(text="Required audience parameter not specified")
bad_bypass = _bad_request(text="The query parameter 'bypass_cache' can only be 'true'")
several_selectors = _bad_request(text="Only one of the query parameters {} may be specified")  # (*)
identity_not_found = _bad_request(text="Identity not found")  # the machine does not have it, or has none
several_identities = _bad_request(  # and none is named
    text="Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the "
    "token request"
)
unknown_resource = refusal(MetadataError, 400, "invalid_resource", text="{}")  # in Entra's words
