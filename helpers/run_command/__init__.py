"""Requests that leave from a virtual machine which this kernel is not on: Azure's Run Command is their wire."""

from helpers.run_command.adapter import session_on
from helpers.run_command.faults import RunCommandError
from helpers.run_command.machine import script_of
from helpers.run_command.scripts import Script

__all__ = ["RunCommandError", "Script", "script_of", "session_on"]
