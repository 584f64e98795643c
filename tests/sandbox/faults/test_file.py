"""The file of faults: what it may say, and what is said of one that says something else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.faults.answers import NAMED, SERVICES
from sandbox.faults.file import load_faults
from sandbox.faults.rules import Rule


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("faults") / "faults.yaml"


def test_a_rule_is_read_with_what_its_fault_implies(file: Path) -> None:
    throttled = "{fault: 429, service: graph, retry_after: 3, first: 2, method: [GET]}"
    file.write_text(f"# two\n- fault: ScopeLocked\n- {throttled}\n")
    locked, second = load_faults(file)
    assert locked == Rule(
        "ScopeLocked", "arm", frozenset({"PUT", "PATCH", "POST", "DELETE"}), "*/resourceGroups/*", "every", 1, None
    )
    assert second == Rule(429, "graph", frozenset({"GET"}), "*", "first", 2, 3)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "must be a list of rules"),
        ("[]", 1, "must be a list of rules"),
        ("fault: ScopeLocked", 1, "must be a list of rules"),
        ("- fault: ScopeLocked\n- reset", 2, "a rule must be keys"),
        ("- service: arm\n  nth: 1", 1, "a rule needs a 'fault'"),
        ("- fault: ScopeLocked\n  serivce: arm", 2, "'serivce' is not a key of a rule; there are fault, service"),
        ("- fault: ScopeLocked\n  fault: reset", 2, "'fault' is there twice"),
        ("- fault: ScopeLock", 1, "'fault' must be a status from 400 to 599 or one of PrincipalNotFound, "),
        ("- fault: 200\n  service: arm", 1, "not 200"),
        ("- fault: yes\n  service: arm", 1, "not True"),
        ("\n\n- fault: 429", 3, "which service? Add 'service': arm, entra, graph, metadata"),
        ("- fault: reset", 1, "which service?"),
        ("- fault: reset\n  service: azure", 2, "'service' must be one of arm, entra, graph, metadata, not 'azure'"),
        ("- fault: IdentityNotFound\n  service: arm", 2, "a refusal of the service metadata"),
        ("- fault: ScopeLocked\n  method: TRACE", 2, "'method' must be one of"),
        ("- fault: ScopeLocked\n  method: [GET, [PUT]]", 2, "'method' must be one of"),
        ("- fault: ScopeLocked\n  path: 7", 2, "'path' must be a pattern"),
        ("- fault: ScopeLocked\n  nth: 0", 2, "'nth' must be a whole number from 1 on, not 0"),
        ("- fault: ScopeLocked\n  every: 1.5", 2, "'every' must be a whole number"),
        ("- fault: ScopeLocked\n  seconds: .nan", 2, "'seconds' must be"),
        ("- fault: ScopeLocked\n  seconds: soon", 2, "'seconds' must be"),
        ("- fault: ScopeLocked\n  nth: 1\n  first: 2", 3, "'nth' and 'first' do not go together"),
        ("- fault: ScopeLocked\n  retry_after: 3", 2, "'retry_after' goes with a status"),
        ("- fault: ScopeLocked\n  nth: !!python/object:os.system x", 2, "is not YAML"),
        ("- fault: [", 1, "is not YAML"),
        ("- fault: *other", 1, "is not YAML"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(file: Path, text: str, line: int, said: str) -> None:
    file.write_text(text)
    with pytest.raises(ValueError, match=rf"^{re.escape(str(file))}:{line}: .*{re.escape(said)}"):
        load_faults(file)


@pytest.mark.parametrize("content", [b"\xff\xfe\xfa", b"[" * 100_000, b"- fault: \x00"])
def test_what_is_no_yaml_at_all_is_said(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(ValueError, match=rf"^{re.escape(str(file))}.*is not YAML"):
        load_faults(file)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none.yaml: cannot be read: .* Name another file: --faults FILE"):
        load_faults(tmp_path / "none.yaml")


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 700),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from([*NAMED, *SERVICES]),
)
KEYS = st.sampled_from(["fault", "service", "method", "path", "nth", "first", "every", "seconds", "retry_after", "x"])


@given(rules=st.lists(st.dictionaries(KEYS, VALUES | st.lists(VALUES, max_size=2)), max_size=3))
def test_any_rules_are_read_or_refused_with_a_line(file: Path, rules: list[dict[str, object]]) -> None:
    file.write_text("".join(f"- {json.dumps(rule)}\n" for rule in rules))
    try:
        found = load_faults(file)
    except ValueError as error:
        assert re.match(rf"{re.escape(str(file))}:[123]: .", str(error))
    else:
        assert len(found) == len(rules) and {rule.service for rule in found} <= set(SERVICES)
