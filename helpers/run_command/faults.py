"""What can go wrong on the way to a machine, in a sentence each."""

from __future__ import annotations

from urllib.parse import urlsplit

from azure.core.exceptions import AzureError

from helpers.errors import BusyError, FinalError, explain
from helpers.run_command.messages import MachineRequest, ScriptFailedError
from helpers.transport import METADATA_SERVICE

# By Azure's code for why it did not run a command, or for what that came to.
_REFUSALS = {
    "AuthorizationFailed": "You may not run commands on {vm}: that takes the action "
    "Microsoft.Compute/virtualMachines/runCommand/action, which the role Virtual Machine Contributor has.",
    "ScopeLocked": "A read-only lock forbids Run Command on {vm}: take it away, or open this notebook on {vm}. {said}",
    "OperationNotAllowed": "{vm} cannot run a command now. {said} (az vm start --ids {id} starts a machine.)",
    "OperationPreempted": "{vm} was stopped or restarted while the command ran: run this cell again when it is up.",
    "ServiceRequestError": "Resource Manager was not reached, so nothing was sent from {vm}. {said}",
    "ServiceResponseError": "The connection to Resource Manager broke, so the request may have been sent from {vm} or "
    "not: look at what it was to change, then run this cell again. {said}",
    "VMExtensionProvisioningTimeout": "The agent on {vm} did not finish the command in time: restart {vm}, then run "
    "this cell again. {said}",
}
_OTHER_REFUSAL = "Run Command did not work on {vm}. {said}"
# By the script's word for why it has no answer.
_FAILURES = {
    "no-curl": "There is no program curl on {vm}: install it there, or open this notebook on {vm}.",
    "no-token": "The metadata service of {vm} no longer gives the token that this request carries: {said}",
    "no-answer": "{vm} got no answer from {host}, so it may have no way out to port 443: give its subnet a NAT "
    "gateway, or {vm} a public address. {said}",
    "no-metadata": "The metadata service of {vm} did not answer: {said}",
    "too-long": "The answer is too long for Run Command, which brings back 4,096 bytes: ask for less, such as ten "
    "with $top, or open this notebook on {vm}.",
    "cut": "Azure cut off the beginning of what {vm} answered: ask for less, or open this notebook on {vm}.",
    "silent": "{vm} ran the command, but printed no answer: see that base64, gzip, sed and curl are there (Windows: "
    "that policies let PowerShell scripts run).",
    "garbled": "What {vm} answered cannot be read: run this cell again.",
}
_OTHER_FAILURE = "The request could not be sent from {vm}: {said}"


class RunCommandError(FinalError):
    """The request did not get to the machine, or no answer back."""


def refused(error: AzureError, vm_id: str) -> RunCommandError:
    """Return in words why Resource Manager did not run a command, or what it came to."""
    explained = explain(error)
    sentence = _REFUSALS.get(explained.code, _OTHER_REFUSAL)
    return RunCommandError(sentence.format(vm=vm_id.rpartition("/")[2], id=vm_id, said=explained.message))


def failed(error: ScriptFailedError, request: MachineRequest, vm_id: str) -> RunCommandError:
    """Return in words why a script has no answer to the request."""
    address = urlsplit(request.url)
    kind = "no-metadata" if (error.kind, address.scheme) == ("no-answer", "http") else error.kind
    sentence = _FAILURES.get(kind, _OTHER_FAILURE)
    return RunCommandError(sentence.format(vm=vm_id.rpartition("/")[2], host=address.hostname, said=error.said))


def busy(address: str, status: int, vm_id: str) -> BusyError:
    """Return in words that the service at ``address`` does not serve now."""
    vm = vm_id.rpartition("/")[2]
    what = f"Resource Manager answered {status} to a request from {vm}"
    if address == METADATA_SERVICE:
        what = f"The metadata service of {vm} answered {status}"
    return BusyError(f"{what}: it is busy or being updated. Run this cell again in a minute.")
