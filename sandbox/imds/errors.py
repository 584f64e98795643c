"""The metadata service's refusals.

Those of the identity endpoints have a code and a description, all others a sentence. Sentences marked (*) are ours: the
real one's are not recorded.
"""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.core.http import Answer

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


def bad_request(message: str) -> MetadataError:
    """A request that makes no sense."""
    return MetadataError(400, "invalid_request", message)


def no_metadata_header() -> MetadataError:
    """No ``Metadata: true``: perhaps somebody tricked a program on the machine into asking."""
    return bad_request("Required metadata header not specified")


def forwarded() -> MetadataError:
    """A request that came through a proxy (*)."""
    return bad_request("Requests with the X-Forwarded-For header are not accepted")


def wrong_host(host: str) -> MetadataError:
    """A request to another name that leads here: perhaps a web page (*)."""
    return MetadataError(403, "forbidden", f"The host '{host}' is not the metadata service")


def another_user() -> MetadataError:
    """A process of somebody else's on this computer, who would not be on the machine in Azure (*)."""
    return MetadataError(
        403,
        "forbidden",
        "This is the metadata service of another user's machine. If you may run commands on the machine, run again the "
        "cell or the command that enters it: Resource Manager then lets you in",
    )


def duplicate_parameter(name: str) -> MetadataError:
    """A parameter that is there twice (*)."""
    return bad_request(f"The query parameter '{name}' is specified more than once")


def no_version(newest: Iterable[str]) -> MetadataError:
    """No ``api-version``."""
    message = f"Bad request. api-version was not specified in the request. {_MORE}"
    return MetadataError(400, "invalid_request", message, extra={"newest-versions": list(newest)})


def unknown_version(newest: Iterable[str]) -> MetadataError:
    """An ``api-version`` that there is not."""
    message = f"Bad request. api-version is invalid or was not specified in the request. {_MORE}"
    return MetadataError(400, "invalid_request", message, extra={"newest-versions": list(newest)})


def needs_text(path: str) -> MetadataError:
    """A single value, which is no JSON document, asked for as one (*)."""
    return bad_request(f"Bad request. The value '{path}' is only available with format=text. {_MORE}")


def unknown_format(name: str) -> MetadataError:
    """A format that there is not (*)."""
    return bad_request(f"Bad request. The format '{name}' is not one of json and text. {_MORE}")


def not_found() -> MetadataError:
    """A path with nothing there."""
    return MetadataError(404, "not_found", "Not found")


def wrong_method() -> MetadataError:
    """Another method than GET."""
    return MetadataError(405, "method_not_allowed", "Not allowed", allow="GET")


def too_many_requests() -> MetadataError:
    """More requests than a machine may make."""
    return MetadataError(429, "too_many_requests", "Too many requests")


# --- identities --------------------------------------------------------------------------------------------------


def no_resource() -> MetadataError:
    """No ``resource``."""
    return bad_request("Required audience parameter not specified")


def several_selectors(names: Iterable[str]) -> MetadataError:
    """An identity named in more than one way (*)."""
    return bad_request(f"Only one of the query parameters {', '.join(names)} may be specified")


def identity_not_found() -> MetadataError:
    """An identity that the machine does not have, or none at all."""
    return bad_request("Identity not found")


def several_identities() -> MetadataError:
    """No identity named, and more than one to choose from."""
    return bad_request(
        "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the "
        "token request"
    )


def unknown_resource(description: str) -> MetadataError:
    """A resource that no token can be had for; Entra's ``description`` is passed on."""
    return MetadataError(400, "invalid_resource", description)
