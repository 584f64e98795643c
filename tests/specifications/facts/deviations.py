"""Where the sandbox answers otherwise than Azure, on purpose; and which facts other tests hold it to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Deviation:
    """What Azure does, what the sandbox does instead, and why.

    ``row`` is the row that shows it.
    """

    row: str
    azure: str
    sandbox: str
    why: str


DEVIATIONS = (
    Deviation(
        "where nothing takes time, the answer to a patch still says Updating, and how soon to poll",
        "does not say how soon to poll; clients wait 30 seconds",
        "with instant timing x-ms-retry-after-ms says 20 milliseconds",
        "what is done at once should not be waited for",
    ),
    Deviation(
        "where nothing takes time, deleting a group says to come back at once",
        "Retry-After: 15",
        "with instant timing x-ms-retry-after-ms: 20 in its place",
        "as above",
    ),
    Deviation(
        "a condition is refused rather than disregarded",
        "evaluates conditions on role assignments",
        "400 ConditionNotSupported",
        "what would not be enforced is not taken",
    ),
    Deviation(
        "a principal whose type is not given is a service principal",
        "looks the type of the principal up in the directory",
        "ServicePrincipal",
        "the sandbox's directory has no users and no groups",
    ),
    Deviation(
        "a definition is found by its name, in any case, with an id at the subscription wherever it is asked",
        "describes its built-in roles in its own words",
        "describes them in other words; names, ids, actions and dates are Azure's",
        "the descriptions are Microsoft's text",
    ),
    Deviation(
        "every provider is registered from the start",
        "refuses a provider that was never registered: 409 MissingSubscriptionRegistration",
        "has all its providers registered, so nothing is ever refused for that",
        "no part of the scenario; registering one again shows how it is waited for",
    ),
    Deviation(
        "a host that is not Azure's is not served",
        "never gets such requests",
        "421 MisdirectedRequest",
        "a web page that has its own name lead to this machine must not get through",
    ),
    Deviation(
        "more than 20 requests in a second are too many",
        "allows 20 requests a second and 5 at once for each machine",
        "allows 20 a second, with realistic timing alone",
        "each request is answered before the next is read, so there are never 5 at once",
    ),
)

ELSEWHERE = {
    "at most 4,000 role assignments in a subscription": (
        "sandbox/arm/authorization/test_role_assignments.py::test_a_subscription_holds_4000_assignments"
    ),
    "a PUT that changes nothing has no operation to follow": (
        "sandbox/arm/compute/test_machines.py::test_a_put_that_changes_nothing_begins_no_operation"
    ),
    "at most 20 federated credentials": (
        "sandbox/arm/managed_identity/test_federated_credentials.py::test_no_more_than_twenty"
    ),
    "an etag grows by one with each write": (
        "sandbox/arm/compute/test_machines.py::test_the_etag_counts_and_can_be_a_condition"
    ),
    "a type compares without case and spaces": (
        "sandbox/arm/compute/test_identity_block.py::test_types_compare_without_case_and_spaces"
    ),
    "a Linux machine's fields": "sandbox/arm/compute/test_machines.py::test_a_linux_machine",
    "a token lives for 24 hours and is kept": (
        "sandbox/imds/test_tokens.py::test_the_same_token_is_handed_out_while_it_lasts"
    ),
    "Azure's Python credential gets a token": "sandbox/imds/test_tokens.py::test_azure_identity_gets_a_token",
    "how Azure's Python credential hides the reason": (
        "sandbox/imds/test_tokens.py::test_azure_identity_says_that_the_identity_is_not_there"
    ),
    "the claims of an application's token": (
        "sandbox/entra/test_tokens.py::test_an_applications_token_has_the_real_claims"
    ),
    "the claims of a managed identity's token": (
        "sandbox/entra/test_tokens.py::test_a_managed_identitys_token_names_the_identity_and_the_machine"
    ),
    "an identity reaches the metadata service with a delay": (
        "sandbox/arm/compute/test_machine_identities.py::test_the_metadata_service_learns_of_an_identity_with_a_delay"
    ),
    "Run Command's result has [stdout] and [stderr]": (
        "sandbox/guest/test_scripts.py::test_a_script_runs_inside_the_machine"
    ),
    "clients trust the sandbox's own authority": "sandbox/web/test_tls.py::test_requests_accepts",
    "the Azure CLI registers the cloud and signs in": (
        "clients/test_azure_cli.py::test_one_eval_is_all_it_takes_before_az_login"
    ),
}
"""Facts that other tests hold the sandbox to."""
