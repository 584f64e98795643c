"""In what an exchange may differ from its specification: real traffic does in the same way."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.specifications.oav import Disagreement


@dataclass(frozen=True, slots=True)
class Tolerated:
    """A class of disagreements.

    ``operation``, ``place`` and ``message`` are regular expressions for the whole of each.
    """

    side: str
    operation: str
    code: str
    place: str
    why: str
    message: str = ".*"

    def covers(self, disagreement: Disagreement) -> bool:
        """Return whether ``disagreement`` is of this class."""
        return (
            disagreement.side == self.side
            and disagreement.code == self.code
            and re.fullmatch(self.operation, disagreement.operation) is not None
            and re.fullmatch(self.place, disagreement.place, re.DOTALL) is not None
            and re.fullmatch(self.message, disagreement.message, re.DOTALL) is not None
        )


_MACHINE_WRITES = "VirtualMachines_(CreateOrUpdate|Update)"

TOLERATED = (
    # What Azure answers, and its documents do not say.
    Tolerated(
        "response",
        "Subscriptions_List",
        "OBJECT_ADDITIONAL_PROPERTIES",
        r"\$\.count",
        "recorded answers of ARM count the subscriptions",
    ),
    Tolerated(
        "response",
        ".*",
        "OBJECT_ADDITIONAL_PROPERTIES",
        r"\$\.error\.additionalInfo",
        "Resource Manager tells in it which policy refused; the providers' documents have errors without it",
    ),
    Tolerated(
        "response",
        "(Subscriptions|Tenants)_List",
        "OBJECT_MISSING_REQUIRED_PROPERTY",
        r"\$\.nextLink",
        "the document requires a link to the next page of the last page too; ARM has none there",
    ),
    Tolerated(
        "response",
        "Identity_GetToken",
        "OBJECT_ADDITIONAL_PROPERTIES",
        r"\$\.refresh_token",
        "the metadata service answers an empty refresh_token with each token",
    ),
    Tolerated(
        "response",
        "Instances_GetMetadata",
        "OBJECT_ADDITIONAL_PROPERTIES",
        r"\$\.newest-versions",
        "the metadata service names its newest versions to whoever asks for none, or for one it has not",
    ),
    Tolerated(
        "response",
        "Instances_GetMetadata",
        "INVALID_CONTENT_TYPE",
        "",
        "the documents know JSON alone; format=text is in the service's documentation",
    ),
    Tolerated(
        "response",
        "Instances_GetMetadata",
        "INVALID_RESPONSE_BODY",
        r"\.body",
        "as above: a text is no JSON",
    ),
    Tolerated(
        "response",
        "VirtualMachines_RunCommand|VirtualMachineRunCommands_.*",
        "INVALID_RESPONSE_CODE",
        "",
        "the document of run commands names no refusals at all",
    ),
    Tolerated(
        "response",
        "VirtualMachineImages_List",
        "OBJECT_ADDITIONAL_PROPERTIES",
        r"\$\[\d+\]\.properties",
        "the document has $expand, and no member for what it is to add; the Azure CLI asks for properties so",
    ),
    Tolerated(
        "response",
        "RoleDefinitions_.*",
        "OBJECT_ADDITIONAL_PROPERTIES",
        r"\$(\.value\[\d+\])?\.properties\.permissions\[\d+\]\.condition(Version)?",
        "roles that allow something under a condition show it; this version's document does not know conditions",
    ),
    # What clients send, and Azure takes.
    Tolerated(
        "request",
        _MACHINE_WRITES,
        "READONLY_PROPERTY_NOT_ALLOWED_IN_REQUEST",
        ".*",
        "clients send back what they have read; Azure disregards what is read-only",
    ),
    Tolerated(
        "request",
        _MACHINE_WRITES,
        "INVALID_TYPE",
        r"\$\.(id|name|type|etag)",
        "as above, whatever it holds",
    ),
    Tolerated(
        "request",
        _MACHINE_WRITES,
        "INVALID_TYPE",
        r"\$\.properties\..*",
        "null is as good as nothing",
        message=r"Expected type \w+ but found type null",
    ),
    Tolerated(
        "request",
        _MACHINE_WRITES,
        "INVALID_TYPE",
        r"\$\.properties\..*",
        "recorded requests have texts for flags and numbers, and Azure reads them as such",
        message=r"Expected type (boolean|integer|number) but found type string",
    ),
    Tolerated(
        "request",
        "VirtualMachines_Get",
        "ENUM_MISMATCH",
        r"\.query\.\$expand",
        "recorded requests ask for several things at once, with commas between them",
    ),
    Tolerated(
        "request",
        ".*",
        "OBJECT_ADDITIONAL_PROPERTIES",
        ".*",
        "providers disregard members they do not know; that none comes back is seen in the answers",
    ),
    Tolerated(
        "request",
        ".*",
        "ENUM_CASE_MISMATCH",
        ".*",
        "Azure compares such values without regard to case",
    ),
    Tolerated(
        "request",
        _MACHINE_WRITES,
        "ENUM_MISMATCH",
        r"\$\.identity\.type",
        "the type of an identity comes with and without the space after its comma",
    ),
    Tolerated(
        "request",
        "Identity_GetToken",
        "INVALID_CONTENT_TYPE",
        "",
        "some clients send the header with each request, whether it has a body or not",
    ),
    Tolerated(
        "request",
        "VirtualMachines_ListByLocation",
        "PATTERN",
        r"\.path\.location",
        "Azure takes a location by its display name too",
    ),
    Tolerated(
        "request",
        ".*",
        "PATTERN",
        r"\.path\.resourceGroupName",
        "the letters and digits of every script are word characters to Azure, in oav only those of ASCII",
        message=r"String does not match pattern \S+: [-\w.()]+",
    ),
    Tolerated(
        "request",
        _MACHINE_WRITES,
        "OBJECT_MISSING_REQUIRED_PROPERTY",
        r"\$\.properties\.storageProfile\.osDisk\.createOption",
        "Compute documents that PUT and PATCH alike leave what a request leaves out as it was:"
        " learn.microsoft.com/previous-versions/azure/virtual-machines/put-calls-create-or-update",
    ),
)


def tolerating(disagreement: Disagreement) -> Tolerated | None:
    """Return the class in which ``disagreement`` is tolerated, or None."""
    return next((entry for entry in TOLERATED if entry.covers(disagreement)), None)
