"""An authenticated, authorized GET of a resource group, beside a bare hello-world and moto's ``GetCallerIdentity``."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.load import Load, apply_load
from benchmarks.report import Table
from benchmarks.servers import hello_world, moto, sandbox

CONNECTIONS = (1, 16, 64)
SECONDS = 3.0
_SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=none/20240528/us-east-1/sts/aws4_request, SignedHeaders=host, "
    "Signature=0",
    "Content-Type": "application/x-www-form-urlencoded",
}
_GET_CALLER_IDENTITY = "Action=GetCallerIdentity&Version=2011-06-15"


def measure(seconds: float = SECONDS) -> list[Table]:
    """Load the three servers in turn, at each number of connections; ratios are to the sandbox."""
    table = Table(
        "Requests a second",
        ("connections", "server", "requests/s", "median ms", "p99 ms", "the sandbox has"),
    )
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with sandbox(root / "sandbox") as running, hello_world(root / "hello") as hello, moto() as aws:
            group = f"{running.endpoint}{running.subscription}/resourceGroups/myResourceGroupVM?api-version=2024-07-01"
            token = {"Authorization": str(running.session().headers["Authorization"])}
            for connections in CONNECTIONS:
                ours = apply_load(group, token, connections, seconds, ca=running.ca)
                bare = apply_load(hello, token, connections, seconds, ca=str(root / "hello" / "ca.pem"))
                other = apply_load(aws, _SIGNED, connections, seconds, body=_GET_CALLER_IDENTITY)
                table.add(connections, "sandbox: GET of a group", *_figures(ours), "")
                table.add(connections, "hello-world, same server", *_figures(bare), f"{ours.rate / bare.rate:.0%}")
                table.add(connections, "moto: GetCallerIdentity", *_figures(other), f"{ours.rate / other.rate:.1f}x")
    return [table]


def _figures(load: Load) -> tuple[str, str, str]:
    return f"{load.rate:,.0f}", f"{load.median:.2f}", f"{load.p99:.2f}"


if __name__ == "__main__":
    print(*measure(), sep="\n")
