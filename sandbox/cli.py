"""``python -m sandbox``: start, stop and query the embedded Azure."""

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sandbox.core.timing import TIMINGS
from sandbox.process import background
from sandbox.process import shell as guest_command
from sandbox.process.environment import FORMATS, environment, running_machine
from sandbox.process.operator_client import OperatorClient, RefusedError
from sandbox.state.directory import problem_with_name
from sandbox.state.state_directory import (
    VARIABLE,
    Runtime,
    Settings,
    StateDirectory,
    StateError,
    read_runtime,
    state_directory,
)

Run = Callable[[StateDirectory, argparse.Namespace], int]


class _Failure(Exception):
    """The command cannot do what it should; the message says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    options = _parser().parse_args(arguments)
    state = state_directory(options.data)
    try:
        state.check()
        return int(options.run(state, options))
    except (_Failure, StateError, background.StartError, RefusedError, OSError) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="A local Azure on loopback: Resource Manager, Entra and a metadata service for each machine.",
    )
    _add_data(parser, None)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_settings(_add(commands, "start", _start, "start the sandbox in the background, unless it is running"))
    _add_settings(_add(commands, "serve", _serve, "run the sandbox in the foreground, until interrupted"))
    temporary = "be a sandbox in a folder of its own, until standard input ends"
    _add_faults(_add(commands, "temporary", _temporary, temporary))
    _add(commands, "stop", _stop, "stop the sandbox; its state stays")
    status = _add(commands, "status", _status, "print whether it runs and where (exit status 3 if it does not)")
    status.add_argument("--json", action="store_true", help="as JSON")
    reset = "delete everything but the seed data; addresses and the operator's secret stay"
    _add(commands, "reset", _reset, reset)
    env = _add(commands, "env", _env, "print the environment variables that point Azure's clients here")
    env.add_argument("--vm", metavar="NAME", help="the machine whose metadata service to use (name or id)")
    env.add_argument("--az", action="store_true", help="also for the Azure CLI, in a folder of its own; then: az login")
    env.add_argument("--format", choices=sorted(FORMATS), default="sh", help="for which shell (default: sh)")
    logs = _add(commands, "logs", _logs, "print the last lines of the log")
    logs.add_argument("--lines", type=_whole_number(1), default=50, metavar="N", help="how many (default: 50)")
    _add_principals(commands)
    explain = _add(commands, "explain", _explain, "print why a principal may or may not do something")
    explain.add_argument("principal", metavar="OBJECT_ID")
    explain.add_argument("action", metavar="ACTION", help="such as Microsoft.Compute/virtualMachines/read")
    explain.add_argument("scope", metavar="SCOPE", help="a resource id")
    guest_command.add_parser(commands)
    _add_data(commands.choices["shell"], argparse.SUPPRESS)
    return parser


def _add(commands: Any, name: str, run: Run | None, what: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=what)
    parser.set_defaults(run=run)
    _add_data(parser, argparse.SUPPRESS)
    return parser


def _add_principals(commands: Any) -> None:
    principal = _add(commands, "principal", None, "service principals of the tenant")
    actions = principal.add_subparsers(required=True, metavar="ACTION")
    add = _add(actions, "add", _add_principal, "add one and print its ids and its secret, once")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--json", action="store_true", help="as JSON")
    _add(actions, "list", _list_principals, "list them")


def _add_data(parser: argparse.ArgumentParser, default: str | None) -> None:
    """Have ``--data`` before the command and after it; where it is not given a second time, the first counts."""
    data = f"the state directory (default: ${VARIABLE}, else a folder of the user's)"
    parser.add_argument("--data", metavar="DIR", default=default, help=data)


def _add_settings(parser: argparse.ArgumentParser) -> None:
    port, seed = "where to listen (default: a free port)", "what all ids derive from (default: as before, or 1)"
    parser.add_argument("--port", type=_whole_number(0, 65535), default=0, metavar="N", help=port)
    parser.add_argument("--seed", type=_whole_number(), metavar="N", help=seed)
    timing = "how long things take (default: as before, or instant)"
    parser.add_argument("--timing", choices=sorted(TIMINGS), help=timing)
    roles = "more roles: the output of 'az role definition list' (default: as before, or none)"
    parser.add_argument("--roles", metavar="FILE", type=_absolute, help=roles)
    _add_faults(parser)
    guest_command.add_settings(parser)


def _add_faults(parser: argparse.ArgumentParser) -> None:
    faults = "which requests are to fail, and how: a file that docs/sandbox.md describes (default: as before, or none)"
    parser.add_argument("--faults", metavar="FILE", type=_absolute, help=faults)
    parser.add_argument("--no-faults", dest="faults", action="store_const", const="", help="no longer as before")


def _whole_number(least: int | None = None, most: int | None = None) -> Callable[[str], int]:
    """Return what reads an option's value that is a whole number in these limits."""
    limits = "" if least is None else f", {least} or more" if most is None else f", {least} to {most}"

    def read(text: str) -> int:
        with contextlib.suppress(ValueError):  # not only letters: Python does not read any number of digits
            found = int(text)
            if (least is None or found >= least) and (most is None or found <= most):
                return found
        raise argparse.ArgumentTypeError(f"takes a whole number{limits}")

    return read


def _absolute(path: str) -> str:
    return str(Path(path).resolve())


def _settings(state: StateDirectory, options: argparse.Namespace) -> Settings:
    """Return the settings that were given, and for the others those of the last start."""
    last = read_runtime(state)
    kept = last.settings if last else Settings()
    return Settings(
        seed=kept.seed if options.seed is None else options.seed,
        timing=options.timing or kept.timing,
        roles=options.roles or kept.roles,
        faults=kept.faults if options.faults is None else options.faults or None,
        allow_run_command=options.allow_run_command,
        run_command_limit=options.run_command_limit,
    )


def _start(state: StateDirectory, options: argparse.Namespace) -> int:
    state.make()
    settings = _settings(state, options)
    runtime, now = background.start(state, settings, options.port)
    if not now and runtime.settings.seed != settings.seed:
        raise _Failure(
            f"The sandbox runs with seed {runtime.settings.seed}, which its state was made with. Another seed needs a "
            "state directory of its own (--data), or this one without its state: python -m sandbox stop, then reset."
        )
    print(f"The sandbox {'is ready' if now else 'runs already'}: https://localhost:{runtime.port}")
    if now and runtime.notice:
        print(runtime.notice)
    if not now and runtime.settings != settings:
        print("It was started with other settings, which stay until it is stopped.")
    return 0


def _serve(state: StateDirectory, options: argparse.Namespace) -> int:
    from sandbox.process.serving import serve  # not needed, and long to import, for all other commands

    state.make()
    return serve(state, _settings(state, options), options.port)


def _temporary(state: StateDirectory, options: argparse.Namespace) -> int:
    from sandbox.process import temporary  # only for this command

    return temporary.run(Settings(faults=options.faults or None))


def _stop(state: StateDirectory, options: argparse.Namespace) -> int:
    print("The sandbox has stopped." if background.stop(state) else "The sandbox was not running.")
    return 0


def _status(state: StateDirectory, options: argparse.Namespace) -> int:
    runtime = background.running(state)
    if options.json:
        print(json.dumps(_described(state, runtime), indent=2))
    elif runtime is None:
        print(background.NOT_RUNNING)
    else:
        for name, value in _described(state, runtime).items():
            print(f"{name:10} {'none' if value is None else value}")
    return 3 if runtime is None else 0


def _described(state: StateDirectory, runtime: Runtime | None) -> dict[str, object]:
    if runtime is None:
        return {"running": False, "data": str(state.path)}
    return {
        "running": True,
        "endpoint": f"https://localhost:{runtime.port}",
        "process": runtime.pid,
        "seed": runtime.settings.seed,
        "timing": runtime.settings.timing,
        "faults": runtime.settings.faults,
        "data": str(state.path),
    }


def _reset(state: StateDirectory, options: argparse.Namespace) -> int:
    was_running = background.stop(state)
    state.forget_state()
    if was_running:
        last = read_runtime(state)
        background.start(state, last.settings if last else Settings())
    print("The sandbox is back in the state it was first started with.")
    return 0


def _client(state: StateDirectory) -> OperatorClient:
    return OperatorClient(state, background.require_running(state))


def _env(state: StateDirectory, options: argparse.Namespace) -> int:
    client = _client(state)
    variables = environment(client, options.vm)
    if options.az:
        from sandbox.process.azure_cli import azure_cli_settings  # loads what the other commands need not

        machine_id = running_machine(client, options.vm)[0] if options.vm else None
        variables |= azure_cli_settings(state, variables["AZURE_RESOURCE_MANAGER_ENDPOINT"], machine_id)
    print(FORMATS[options.format](variables))
    return 0


def _logs(state: StateDirectory, options: argparse.Namespace) -> int:
    if not state.log.exists():
        raise _Failure(f"There is no log yet in {state.path}.")
    print("\n".join(state.log_lines(options.lines)))
    return 0


def _add_principal(state: StateDirectory, options: argparse.Namespace) -> int:
    if problem := problem_with_name(options.name):
        raise _Failure(problem)
    client = _client(state)
    added = client.arm("PUT", f"{client.seed_data.subscription}/providers/Sandbox.Local/principals/{options.name}")
    shown = {name: added[name] for name in ("name", "clientId", "objectId", "clientSecret")}
    if options.json:
        print(json.dumps(shown, indent=2))
    else:
        for name, value in shown.items():
            print(f"{name:13} {value}")
        print("The secret is not shown again.")
    return 0


def _list_principals(state: StateDirectory, options: argparse.Namespace) -> int:
    client = _client(state)
    for found in client.arm("GET", f"{client.seed_data.subscription}/providers/Sandbox.Local/principals")["value"]:
        print(f"{found['objectId']}  {found['clientId']}  {found['kind']:16} {found['name']}")
    return 0


def _explain(state: StateDirectory, options: argparse.Namespace) -> int:
    body = {"principalId": options.principal, "action": options.action}
    decision = _client(state).arm("POST", f"{options.scope.rstrip('/')}/providers/Sandbox.Local/explain", body)
    print(decision["why"])
    return 0
