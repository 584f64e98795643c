"""Requests that leave from a virtual machine which this kernel is not on: Azure's Run Command is their wire."""

from helpers.run_command.adapter import session_on
from helpers.run_command.machine import RunCommandError
from helpers.run_command.messages import script_for

__all__ = ["RunCommandError", "script_for", "session_on"]
