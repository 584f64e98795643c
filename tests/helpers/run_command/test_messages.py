"""What goes to a script and comes back: whatever the values are, they arrive as they were."""

from __future__ import annotations

import base64
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.run_command.messages import KEPT, MachineRequest, ScriptFailedError, read_answer, token_address
from tests.helpers.run_command.services import make_token
from tests.helpers.run_command.wire import printed_by

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NAME = st.from_regex(r"[A-Za-z-]{1,20}", fullmatch=True)
VALUE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x85\xa0"), min_size=1)
MARK = st.from_regex(r"[0-9a-f]{16}", fullmatch=True)
MACHINE = "/subscriptions/s/resourcegroups/g/providers/Microsoft.Compute/virtualMachines/web"


@given(MARK, TEXT, TEXT, st.dictionaries(NAME, TEXT), st.binary(), TEXT, st.integers(1, 99))
def test_a_request_is_one_literal_of_one_alphabet(
    mark: str, method: str, url: str, headers: dict[str, str], body: bytes, token_url: str, seconds: int
) -> None:
    literal = MachineRequest(method, url, headers, body, token_url, seconds).literal(mark)
    assert re.fullmatch(r"[A-Za-z0-9+/]+=*", literal)
    values = json.loads(base64.b64decode(literal))
    assert all(re.fullmatch(r"[A-Za-z0-9+/]*=*", value) for value in values.values())
    decoded = {name: base64.b64decode(value) for name, value in values.items()}
    assert decoded.pop("body") == body
    assert {name: value.decode() for name, value in decoded.items()} == {
        "mark": mark,
        "method": method,
        "url": url,
        "headers": "".join(f"{name}: {value}\n" for name, value in headers.items()),
        "token_url": token_url,
        "seconds": str(seconds),
    }


@given(MARK, st.integers(100, 599), st.dictionaries(NAME, VALUE), st.binary(), TEXT, st.integers(20, 200))
def test_an_answer_is_found_wherever_it_stands_and_however_it_is_wrapped(
    mark: str, status: int, headers: dict[str, str], body: bytes, around: str, width: int
) -> None:
    lines = "".join(f"\n{name}: {value}" for name, value in headers.items())
    output = printed_by(mark, f"HTTP/1.1 {status}{lines}\n\n".encode("latin-1") + body)
    wrapped = "\r\n".join(output[at : at + width] for at in range(0, len(output), width))
    answer = read_answer(f"Enable succeeded: \n[stdout]\n{wrapped}\n[stderr]\n{around}", mark)
    assert (answer.status, answer.headers, answer.body) == (status, headers, body)


@given(MARK, st.sampled_from(["no-curl", "no-token", "no-answer", "too-long", "error"]), TEXT)
def test_a_failure_says_its_kind_and_what_was_said(mark: str, kind: str, said: str) -> None:
    with pytest.raises(ScriptFailedError) as failed:
        read_answer(printed_by(mark, f"FAILED {kind}\n\n{said}".encode()), mark)
    assert (failed.value.kind, failed.value.said) == (kind, said.strip())


@given(MARK, st.binary(max_size=3000), st.integers(1, 4000))
def test_what_was_cut_off_is_never_taken_for_an_answer(mark: str, body: bytes, lost: int) -> None:
    output = printed_by(mark, b"HTTP/1.1 200\n\n" + body)
    with pytest.raises(ScriptFailedError) as failed:
        read_answer(output[min(lost, len(output) - 1) :], mark)
    assert failed.value.kind in ("cut", "silent")


@given(MARK, st.text())
def test_whatever_was_printed_is_an_answer_or_a_failure(mark: str, output: str) -> None:
    for each in (output, f"{mark}:{output}:{mark}", printed_by(mark, output.encode("utf-8", "replace"))):
        try:
            read_answer(each, mark)
        except ScriptFailedError as failed:
            assert failed.kind


def test_a_token_of_the_machine_says_where_it_is_to_be_had() -> None:
    whole = make_token(appid="a b", xms_mirid="/subscriptions/s/…/userAssignedIdentities/ID1")
    marked = f"{whole.rpartition('.')[0]}.{KEPT}"
    base = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01"
    assert token_address(f"Bearer {marked}") == f"{base}&resource=https%3A%2F%2Fmanagement.azure.com%2F&client_id=a+b"
    own = make_token(appid="a", xms_mirid=MACHINE)
    found = token_address(f"Bearer {own.rpartition('.')[0]}.{KEPT}")
    assert found == f"{base}&resource=https%3A%2F%2Fmanagement.azure.com%2F"


@pytest.mark.parametrize(
    "value",
    [
        *("", "Bearer", "Bearer .", f"Bearer {KEPT}", f"Bearer a.{KEPT}", f"Bearer a.b.{KEPT}", f"Bearer a.W10.{KEPT}"),
        *(f"Bearer {make_token(appid='a')}", f"Bearer {make_token(appid='a').rpartition('.')[0]}.{KEPT}x"),
    ],
)
def test_any_other_value_is_no_token_of_the_machine(value: str) -> None:
    assert token_address(value) == ""


@given(TEXT)
def test_any_text_is_one_or_none(value: str) -> None:
    assert token_address(f"{value}.{KEPT}").startswith(("http://169.254.169.254/", ""))
