"""The scripts as a machine runs them: with a real shell, a real curl, and services on loopback."""

from __future__ import annotations

import base64
import json
import random
import socket
from pathlib import Path

import pytest

from helpers.run_command.messages import KEPT, MachineAnswer, MachineRequest, ScriptFailedError, read_answer
from tests.helpers.run_command.running import ARM, MARK, METADATA, PROGRAMS, OnMachine
from tests.helpers.run_command.services import SIGNATURE, TOKEN, TOKEN_PATH
from tests.support.needs import do_without

TOKEN_URL = f"{METADATA}{TOKEN_PATH[1:]}?api-version=2018-02-01&resource=https%3A%2F%2Fmanagement.azure.com%2F"
MARKED = TOKEN.replace(SIGNATURE, KEPT)
HOSTILE = [
    *(
        "'; touch oops; '",
        '"; touch oops; "',
        "$(touch oops)",
        "`touch oops`",
        "${IFS}",
        "a\\nb\\",
        "%s%n",
        "{x,y}[1-3]",
    ),
    *(
        "& touch oops #",
        "-o oops",
        "@/etc/passwd",
        "'@\n'@",
        "“quotes”",
        "ünï ✓",
        "line\nline",
        "a\r\nb",
        "\x00\x01\x7f",
    ),
]


def json_of(answer: MachineAnswer) -> dict[str, str]:
    found: dict[str, str] = json.loads(answer.body)
    return found


@pytest.mark.parametrize("program", ["dash", "bash", "pwsh"])
def test_what_can_run_scripts_here_is_tested(program: str) -> None:
    """Said once, not for each test."""
    if program in PROGRAMS:
        return
    missing = f"{program} is not installed: no script was run by it here"
    if program == "pwsh":  # not in Debian, so that CI cannot have it: what is not tested is said
        pytest.skip(missing)
    do_without(missing)


def test_a_request_goes_out_as_it_is_and_the_answer_comes_back(machine: OnMachine) -> None:
    headers = {"Metadata": "true", "User-Agent": "a test", "Accept": "text/x", "X-Forwarded-For": "1.2.3.4"}
    answer = machine.send(url=f"{METADATA}metadata/x?a=b%2Fc&d=[1-2]{{x}}", headers=headers)
    [sent] = machine.services.seen
    assert (sent.service, sent.method, sent.target) == ("metadata", "GET", "/metadata/x?a=b%2Fc&d=[1-2]{x}")
    assert headers.items() <= {name.title(): value for name, value in sent.headers.items()}.items()
    assert (answer.status, json_of(answer)["method"]) == (200, "GET")
    assert "authorization" not in sent.headers


PLAIN = [each for each in HOSTILE if each.isascii() and each.isprintable()]  # what a header can hold


def test_no_value_is_run_or_changed(machine: OnMachine) -> None:
    body = "\n".join(HOSTILE).encode()
    headers = {f"X-Given-{number}": value for number, value in enumerate(PLAIN)}
    answer = machine.send("PUT", f"{ARM}x", body=body, headers={"Content-Type": "text/plain", **headers})
    [sent] = machine.services.seen
    assert (sent.service, sent.body) == ("arm", body)
    assert base64.b64decode(json_of(answer)["body"]) == body
    assert {name.lower(): value for name, value in headers.items()}.items() <= sent.headers.items()


@pytest.mark.parametrize("value", PLAIN)
def test_no_value_in_an_address_is_run(machine: OnMachine, value: str) -> None:
    machine.run(MachineRequest("GET", f"{ARM}{value}", {}, b"", "", 20))


@pytest.mark.parametrize("method", ["HEAD", "DELETE", "POST", "PATCH"])
def test_other_methods_go_out_too(machine: OnMachine, method: str) -> None:
    body = b"" if method in ("HEAD", "DELETE") else b'{"a": 1}'
    answer = machine.send(method, headers={"Content-Type": "application/json"}, body=body)
    [sent] = machine.services.seen
    assert (sent.method, sent.body, answer.status) == (method, body, 200)
    if method == "HEAD":
        assert answer.body == b""
    else:
        assert sent.headers["content-type"] == "application/json"


def test_a_post_without_a_body_says_how_long_it_is_and_names_no_type(machine: OnMachine) -> None:
    machine.send("POST")
    [sent] = machine.services.seen
    assert sent.headers["content-length"] == "0" and "content-type" not in sent.headers


@pytest.mark.parametrize("status", [201, 204, 302, 400, 401, 403, 404, 410, 429, 500, 503])
def test_every_status_is_an_answer(machine: OnMachine, status: int) -> None:
    headers = {"Retry-After": "7", "Location": "https://example.com/next", "X-Other": "y", "x-ms-request-id": "r"}
    machine.services.answers["/x"] = (status, headers, b"" if status == 204 else b"said")
    answer = machine.send()
    assert (answer.status, answer.body) == (status, b"" if status == 204 else b"said")
    lower = {name.lower(): value for name, value in answer.headers.items()}
    assert lower.items() >= {"retry-after": "7", "location": "https://example.com/next", "x-ms-request-id": "r"}.items()
    assert "x-other" not in lower
    assert len(machine.services.seen) == 1


@pytest.mark.parametrize("body", ["ünï ✓ 你好".encode(), bytes(range(256)), b"\n\n", b"a\r\nb", b"x" * 200_000])
def test_bodies_come_back_byte_by_byte(machine: OnMachine, body: bytes) -> None:
    machine.services.answers["/x"] = (200, {}, body)
    assert machine.send().body == body


def test_what_does_not_fit_says_so(machine: OnMachine) -> None:
    machine.services.answers["/x"] = (200, {}, random.Random(1).randbytes(3000))
    with pytest.raises(ScriptFailedError, match="too-long") as failed:
        machine.send()
    assert int(failed.value.said) > 3900


# --- tokens ------------------------------------------------------------------------------------------------------


def test_a_token_comes_back_without_its_signature(machine: OnMachine) -> None:
    answer = json_of(machine.send(url=TOKEN_URL, headers={"Metadata": "true"}))
    assert answer == {"access_token": MARKED, "refresh_token": "", "token_type": "Bearer"}


@pytest.mark.parametrize(
    "said",
    [
        f'{{\n  "access_token" : "{TOKEN}",\n  "x": "{TOKEN}"\n}}',
        f'{{"a": 1, "access_token":"opaque-{SIGNATURE}"}}',
        f'{{"access_token":\n"{TOKEN}"}}',
    ],
)
def test_whatever_a_token_looks_like_its_signature_stays(machine: OnMachine, said: str) -> None:
    machine.services.answers[TOKEN_PATH] = (200, {}, said.encode())
    body = machine.send(url=TOKEN_URL).body.decode()
    assert KEPT in body and SIGNATURE not in body


def test_the_machine_sends_the_real_token_to_resource_manager(machine: OnMachine) -> None:
    answer = machine.send("PATCH", body=b"{}", token_url=TOKEN_URL)
    asked, sent = machine.services.seen
    assert (asked.service, asked.headers["metadata"], f"{METADATA[:-1]}{asked.target}") == (
        "metadata",
        "true",
        TOKEN_URL,
    )
    assert (sent.service, sent.headers["authorization"]) == ("arm", f"Bearer {TOKEN}")
    assert (answer.status, json_of(answer)["method"]) == (200, "PATCH")


def test_no_program_has_the_token_among_its_arguments(machine: OnMachine) -> None:
    if machine.program == "pwsh":
        pytest.skip("this script calls no program")
    machine.send(token_url=TOKEN_URL)
    assert f"{ARM}x" in machine.arguments() and SIGNATURE not in machine.arguments()


@pytest.mark.parametrize(
    "url",
    [
        *(
            "https://example.com/",
            "https://management.azure.com.example.com/",
            "https://management.azure.com@example.com/",
        ),
        *(
            "http://management.azure.com/x",
            "https://management.azure.com",
            "HTTPS://example.com/",
            "file:///etc/passwd",
        ),
        *(f"{METADATA}x", "-K/etc/passwd", ""),
    ],
)
def test_the_token_goes_nowhere_else(machine: OnMachine, url: str) -> None:
    with pytest.raises(ScriptFailedError, match="another address"):
        machine.send(url=url, token_url=TOKEN_URL)
    assert machine.services.seen == []


@pytest.mark.parametrize("url", [f"{ARM}token", "https://example.com/", f"{METADATA}metadata/instance?x"])
def test_a_token_comes_from_the_metadata_service_alone(machine: OnMachine, url: str) -> None:
    with pytest.raises(ScriptFailedError, match="no token"):
        machine.send(token_url=url)
    assert machine.services.seen == []


def test_a_token_that_is_no_longer_given_says_why(machine: OnMachine) -> None:
    said = b'{"error":"invalid_request",\n"error_description":"Identity not found"}'
    machine.services.answers[TOKEN_PATH] = (400, {}, said)
    with pytest.raises(ScriptFailedError, match="no-token") as failed:
        machine.send(token_url=TOKEN_URL)
    assert "Identity not found" in failed.value.said
    assert [sent.service for sent in machine.services.seen] == ["metadata"]


# --- what goes wrong ---------------------------------------------------------------------------------------------


def test_a_service_that_hangs_up_is_no_answer(machine: OnMachine) -> None:
    machine.services.answers["/x"] = (0, {}, b"")
    with pytest.raises(ScriptFailedError, match="no-answer") as failed:
        machine.send()
    assert failed.value.said


def test_a_service_that_does_not_answer_in_time_is_no_answer(machine: OnMachine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        machine.services.metadata_port, kept = silent.getsockname()[1], machine.services.metadata_port
        try:
            with pytest.raises(ScriptFailedError, match="no-answer"):
                machine.send(url=f"{METADATA}x", seconds=1)
        finally:
            machine.services.metadata_port = kept


def test_a_machine_that_gets_nowhere_says_so(machine: OnMachine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    machine.services.arm_port, kept = port, machine.services.arm_port
    try:
        with pytest.raises(ScriptFailedError, match="no-answer") as failed:
            machine.send()
    finally:
        machine.services.arm_port = kept
    assert failed.value.said


def test_a_certificate_of_somebody_else_is_no_answer(machine: OnMachine, tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("")
    with pytest.raises(ScriptFailedError, match="no-answer"):
        OnMachine(machine.program, machine.services, tmp_path, tmp_path / "none.pem").send(token_url=TOKEN_URL)
    assert [sent.service for sent in machine.services.seen] == ["metadata"]


def test_without_curl_it_says_so(machine: OnMachine, tmp_path: Path) -> None:
    if machine.program == "pwsh":
        pytest.skip("this script calls no program")
    few = tmp_path / "few"
    few.mkdir()
    for name in ("base64", "sed", "gzip", "tr"):
        (few / name).symlink_to(next(path for path in (Path("/bin") / name, Path("/usr/bin") / name) if path.exists()))
    with pytest.raises(ScriptFailedError, match="no-curl"):
        read_answer(machine.run(MachineRequest("GET", f"{ARM}x", {}, b"", "", 20), str(few)), MARK)
