"""What Azure has and the sandbox does not is named in docs/parity.md, and answered as what is not there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.arm import OPERATIONS
from sandbox.arm.routing import Router
from sandbox.entra.keys import SigningKey, ensure_signing_key
from tests.support.desk import Desk, code

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "parity.md").read_text("utf-8")
DOCUMENTS = ROOT.parent / "shared" / "azure" / "specs"
"""Where the specifications lie, beside the repository; they are not part of it."""

ROUTER = Router(OPERATIONS)
ASKED_BY_AZ = {
    ("GET", "/providers/Microsoft.ManagedIdentity/operations"),
    ("GET", "/providers/Microsoft.Authorization/providerOperations"),
    ("GET", "S/providers/Microsoft.Compute/locations/{}/vmSizes"),
    ("GET", "G/providers/Microsoft.Compute/virtualMachines/{}/vmSizes"),
    ("POST", "G/providers/Microsoft.Compute/virtualMachines/{}/redeploy"),
    ("POST", "G/providers/Microsoft.Compute/virtualMachines/{}/reapply"),
    ("GET", "G/providers/Microsoft.Compute/virtualMachines/{}/runCommands"),
    ("GET", "G/providers/Microsoft.Network/networkSecurityGroups/{}/securityRules/{}"),
    ("POST", "G/providers/Microsoft.Resources/deployments/{}/exportTemplate"),
    ("POST", "G/exportTemplate"),
}


def shortened(path: str) -> str:
    """A path of a specification, or of an operation, as the page has it; its parameters without their names."""
    path = re.sub(r"\{[^}]+\}", "{}", path.partition("?")[0]).rstrip("/")
    path = re.sub("^/subscriptions/{}/resourceGroups/{}", "G", path, flags=re.IGNORECASE)
    return re.sub("^/(?={})", "", re.sub("^/subscriptions/{}", "S", path))


def missing() -> list[re.Pattern[str]]:
    """What the page says is missing, as patterns of shortened paths."""
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and line.endswith("| missing | |")]
    named = [text for row in rows for text in re.findall(r"`([^`]+)`", row) if re.match(r"[*SG{]?/|\{\}/", text)]
    return [re.compile(re.escape(text).replace(r"\*", ".*"), re.IGNORECASE) for text in named]


def specified() -> Iterator[tuple[str, str]]:
    """Yield the methods and paths of the specifications, without the metadata service's."""
    for file in sorted(DOCUMENTS.rglob("*.json")):
        if {"examples", "imds"} & set(file.parts) or file.name.endswith("types.json"):
            continue
        document = json.loads(file.read_bytes())
        for path, methods in {**document.get("paths", {}), **document.get("x-ms-paths", {})}.items():
            if not re.match(r"/\{\w+Id\}", path) and "{parentResourcePath}" not in path:  # any resource, by its id
                yield from ((method.upper(), path) for method in methods if method != "parameters")


def is_served(method: str, path: str) -> bool:
    found = ROUTER.match(concrete(path))
    return found is not None and method in found.operations


def concrete(path: str, subscription: str = "/subscriptions/a") -> str:
    """A path that is meant by a shortened one."""
    for short, whole in (("G", f"{subscription}/resourceGroups/a"), ("S", subscription), ("{}", subscription)):
        if path == short or path.startswith(f"{short}/"):
            path = whole + path.removeprefix(short)
            break
    return path.replace("{}", "a")


def test_what_the_specifications_have_is_served_or_named() -> None:
    if not DOCUMENTS.is_dir():
        pytest.skip("the published specifications are not beside the repository")
    patterns, asked = missing(), {(method, shortened(path)) for method, path in specified()}
    assert len(asked) > 200
    unnamed = {
        (method, path)
        for method, path in asked
        if not is_served(method, path) and not any(pattern.fullmatch(path) for pattern in patterns)
    }
    assert not unnamed


@pytest.mark.parametrize(("method", "path"), sorted(ASKED_BY_AZ))
def test_what_az_asks_for_is_served_or_named(method: str, path: str) -> None:
    assert is_served(method, path) != any(pattern.fullmatch(path) for pattern in missing())


def test_what_is_named_as_missing_is_not_there() -> None:
    for pattern in missing():
        assert not [each.template for each in OPERATIONS if pattern.fullmatch(shortened(each.template))], pattern


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return ensure_signing_key(tmp_path_factory.mktemp("tenant"))


def test_what_is_missing_is_answered_in_arms_words(key: SigningKey) -> None:
    desk = Desk(key)
    for method, path in sorted(ASKED_BY_AZ):
        answer = desk.ask(method, concrete(path, desk.subscription), version="2024-07-01")
        words = {"InvalidResourceType", "NotFound"}
        assert is_served(method, path) or (answer.status == 404 and code(answer) in words), path
