"""An authenticated, authorized GET of a resource group, beside a bare hello-world and moto's ``GetCallerIdentity``."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from benchmarks.load import Load, apply_load
from benchmarks.report import Table
from benchmarks.servers import RunningSandbox, hello_world, moto, sandbox

CONNECTIONS = (1, 16, 64)
SECONDS = 3.0
_SIGNED = "AWS4-HMAC-SHA256 Credential=none/20240528/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=0"


def measure(seconds: float = SECONDS) -> list[Table]:
    """Load the three servers in turn, at each number of connections; ratios are to the sandbox."""
    table = Table(
        "Requests a second",
        ("connections", "server", "requests/s", "median ms", "p99 ms", "the sandbox has"),
    )
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with sandbox(root / "sandbox") as running, hello_world(root / "hello") as hello, moto() as aws:
            for connections in CONNECTIONS:
                ours = asyncio.run(_get_group(running, connections, seconds))
                bare = asyncio.run(apply_load(hello, {}, connections, seconds, ca=str(root / "hello" / "ca.pem")))
                other = asyncio.run(_get_caller_identity(aws, connections, seconds))
                table.add(connections, "sandbox: GET of a group", *_figures(ours), "")
                table.add(connections, "hello-world, same server", *_figures(bare), f"{ours.rate / bare.rate:.0%}")
                table.add(connections, "moto: GetCallerIdentity", *_figures(other), f"{ours.rate / other.rate:.1f}x")
    return [table]


async def _get_group(running: RunningSandbox, connections: int, seconds: float) -> Load:
    url = f"{running.endpoint}{running.subscription}/resourceGroups/myResourceGroupVM?api-version=2024-07-01"
    headers = {"Authorization": str(running.session().headers["Authorization"])}
    return await apply_load(url, headers, connections, seconds, ca=running.ca)


async def _get_caller_identity(url: str, connections: int, seconds: float) -> Load:
    headers = {"Authorization": _SIGNED, "Content-Type": "application/x-www-form-urlencoded"}
    body = "Action=GetCallerIdentity&Version=2011-06-15"
    return await apply_load(url, headers, connections, seconds, body=body)


def _figures(load: Load) -> tuple[str, str, str]:
    return f"{load.rate:,.0f}", f"{load.median:.2f}", f"{load.p99:.2f}"


if __name__ == "__main__":
    print(*measure(), sep="\n")
