import base64
import random
import secrets as random_secrets
import string
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from workshop.notebooks.secrets import REDACTED, Secrets, is_secret_variable, looks_like_a_secret, named_like_a_secret

TOKEN = "eyJ0eXAiOiJKV1QifQ.eyJhdWQiOiJ4In0.c2lnbmF0dXJl"
SECRET = "pR3-Vq8ZxLk2Wn7TbYc5Jd9MgHf4SaUe1Qo6Xi0Ev_w"  # invented
url_safe = st.text(string.ascii_letters + string.digits + "-_", min_size=24, max_size=60)


def leaks(secrets: Secrets, text: str) -> bool:
    return secrets.redact(text) != text


@pytest.mark.parametrize(
    "name",
    [
        "client_secret",
        "AZURE_CLIENT_SECRET",
        "password",
        "access_token",
        "sas",
        "api_key",
        "storage_key",
        "credential",
        "Authorization",
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert named_like_a_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "target",
        "subscription_id",
        "resource_group",
        "vm_name",
        "identity_name",
        "location",
        "role",
        "keyboard",
        "sasha",
    ],
)
def test_names_of_no_secrets(name: str) -> None:
    assert not named_like_a_secret(name)


@pytest.mark.parametrize(
    "value",
    [
        TOKEN,
        f"Bearer {TOKEN}",
        "abc8Q~" + "x" * 34,
        "A1b7Q~" + "aB3.-_~" * 4 + "abc",
        "-----BEGIN PRIVATE KEY-----",
        "A" * 86 + "==",
        "DefaultEndpointsProtocol=https;AccountKey=abc",
        "https://contoso.blob.core.windows.net/c?sv=1&sig=abc",
        ["fine", {"inner": TOKEN}],
    ],
)
def test_values_that_look_like_secrets(value: object) -> None:
    assert looks_like_a_secret(value)


@pytest.mark.parametrize(
    "value",
    ["ID1", "myResourceGroupVM", "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "", 5, None, True, ["westeurope"], "a" * 128],
)
def test_values_that_do_not(value: object) -> None:
    assert not looks_like_a_secret(value)


@given(secret=url_safe, before=st.text(max_size=30), after=st.text(max_size=30))
def test_what_is_redacted_does_not_leak_any_more(secret: str, before: str, after: str) -> None:
    secrets = Secrets([secret])
    text = f"{before}{secret}{after}"
    assert leaks(secrets, text)
    redacted = secrets.redact(text)
    assert not leaks(secrets, redacted)
    assert secret not in redacted
    assert REDACTED in redacted


@given(text=st.text(), secret=url_safe)
def test_other_text_stays_as_it_is(text: str, secret: str) -> None:
    assume("eyJ" not in text and "Basic" not in text)
    assume(not any(secret[at : at + 12] in "".join(text.split()) for at in range(len(secret) - 11)))
    assert Secrets([secret]).redact(text) == text


@given(before=st.integers(0, 12), start=st.integers(0, 30), length=st.integers(12, 43))
def test_a_telling_part_of_a_secret_is_a_leak_wherever_it_is(before: int, start: int, length: int) -> None:
    part = SECRET[start : start + length]
    assert leaks(Secrets([SECRET]), f"{'.' * before}{part}...") == (len(part) >= 12)


def test_the_beginning_of_a_token_is_a_leak() -> None:
    assert leaks(Secrets(), "token: eyJ0eXAiOiJK...")
    assert Secrets().redact(f"<b>{TOKEN}</b> and {TOKEN[:14]}…") == f"<b>{REDACTED}</b> and {REDACTED}…"
    assert not leaks(Secrets(), "eyJ is how tokens begin")


@pytest.mark.parametrize("width", [20, 64, 76])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\n    ", "\\n", "'\n '"])
def test_a_token_that_is_wrapped_goes_with_all_its_lines(width: int, line_end: str) -> None:
    signature = base64.urlsafe_b64encode(random.Random(1).randbytes(900)).decode()  # its last line is a short one
    token = f"{TOKEN.rpartition('.')[0]}.{signature}"
    wrapped = line_end.join(token[at : at + width] for at in range(0, len(token), width))
    secrets = Secrets([token] if width < 40 else [])
    redacted = secrets.redact(f"begin {wrapped}\nProvisioningState: Succeeded")
    assert redacted.startswith(f"begin {REDACTED}")
    assert redacted.endswith("\nProvisioningState: Succeeded")
    assert not any(signature[at : at + 12] in redacted for at in range(len(signature) - 11))


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\n    ", "\\n"])
def test_a_short_secret_goes_from_both_lines_that_it_is_on(line_end: str) -> None:
    assert Secrets(["Hunter-2222"]).redact(f"it is Hunter{line_end}-2222.") == f"it is {REDACTED}."


def test_the_signature_alone_is_a_leak() -> None:
    for size in (32, 64, 256):  # of HS256, ES256 and RS256
        signature = random_secrets.token_urlsafe(size)
        assert Secrets().redact(f"['{signature}']") == f"['{REDACTED}']"


@pytest.mark.parametrize(
    "text",
    [
        "identity-8e3af657-a8ff-443c-a75c-2fe8c4bcb635-in-Prod",
        "ManagedServiceIdentityClient_userAssignedIdentitiesOperations",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "AZURE_RESOURCE_MANAGER_ENDPOINT_OF_THE_SANDBOX_AND_NOTHING_ELSE",
        "-" * 80,
        "/subscriptions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635/resourceGroups/myResourceGroupVM",
    ],
)
def test_long_names_are_none(text: str) -> None:
    assert Secrets().redact(text) == text


def test_a_name_and_a_secret_in_base64_are_a_leak() -> None:
    header = f"Basic {base64.b64encode(b'ID1:short').decode()}"
    assert Secrets().redact(f"Authorization: {header}") == f"Authorization: Basic {REDACTED}"
    assert not leaks(Secrets(), "Basic authentication is not what this is about.")


@given(before=st.binary(max_size=5), after=st.binary(max_size=5))
def test_a_known_secret_in_base64_is_a_leak(before: bytes, after: bytes) -> None:
    secrets = Secrets.of_environment({"DB_PASSWORD": SECRET[:20]})
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(before + SECRET[:20].encode() + after).decode()
        assert REDACTED in secrets.redact(text)


def test_what_was_issued_is_a_leak_in_every_part_of_twelve_letters() -> None:
    token = f"{TOKEN.rpartition('.')[0]}.{random_secrets.token_urlsafe(256)}"
    secrets = Secrets()
    secrets.add([token])
    for start in range(0, len(token) - 12, 7):
        assert secrets.redact(f"<{token[start : start + 12]}>") == f"<{REDACTED}>"


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("MY_DATABASE_PASSWORD", True),
        ("github_token", True),
        ("STORAGE_CONNECTION_STRING", True),
        ("PGPASSWORD", True),
        ("AZURE_CLIENT_CERTIFICATE_PASSWORD", True),
        ("CREDENTIALS_DIR", False),
        ("TOKENIZERS_PARALLELISM", False),
        ("GITHUB_TOKEN_URL", False),
        ("GITHUB_PAT", True),
        ("SSHPASS", True),
        ("MY_PASS", True),
        ("DB_PASS_OLD", True),
        ("PATH", False),
        ("LIB_PATH", False),
        ("PATTERN", False),
        ("PASSIVE", False),
        ("COMPASS", False),
        ("BYPASS", False),
        ("PROXY_BYPASS", False),
        ("SSH_ASKPASS", False),
        ("HOME", False),
    ],
)
def test_the_environment_tells_all_secrets(name: str, secret: bool) -> None:
    assert leaks(Secrets.of_environment({name: "hunter2-hunter2"}), "it is hunter2-hunter2.") is secret


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        (
            "AZURE_STORAGE_SAS_URL",
            "https://a.blob.core.windows.net/c?sv=1&sig=hunter2%2Bhunter2%3D",
            "hunter2+hunter2=",
        ),
        (
            "AZURE_STORAGE_SAS_URL",
            "https://a.blob.core.windows.net/c?sv=1&sig=hunter2%2Bhunter2%3D",
            "hunter2%2Bhunter2%3D",
        ),
        ("STRIPE_SECRET_URL", "https://u:hunter2-hunter2@example.org/x", "hunter2-hunter2"),
        ("GIT_CREDENTIALS_URI", "https://hunter2-hunter2@example.org/x", "hunter2-hunter2"),
        ("TOKEN_ENDPOINT", "https://example.org/x?api_key=hunter2-hunter2", "hunter2-hunter2"),
        ("ACCESS_TOKEN_ID", "abc8Q~" + "x" * 34, "abc8Q~" + "x" * 34),
    ],
)
def test_a_secret_in_what_says_where_one_is_is_a_leak(name: str, value: str, secret: str) -> None:
    secrets = Secrets.of_environment({name: value})
    assert leaks(secrets, f"it is {secret}")
    assert is_secret_variable(name, value)
    assert not leaks(secrets, "https://a.blob.core.windows.net/c?sv=1 https://example.org/x")


@pytest.mark.parametrize("value", ["https://example.org/x?version=2", "https://example.org:443/", "http://[", ""])
def test_an_address_without_a_secret_is_none(value: str) -> None:
    assert not is_secret_variable("GITHUB_TOKEN_URL", value)


def test_a_short_password_in_an_address_is_kept_from_others() -> None:
    assert is_secret_variable("STRIPE_SECRET_URL", "https://u:pw@example.org/x")


def test_a_file_that_exists_is_no_secret(tmp_path: Path) -> None:
    (tmp_path / "key.json").touch()
    environment = {"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "key.json"), "OTHER_PASSWORD": "/8sH3kd9+Qw2"}
    secrets = Secrets.of_environment(environment)
    assert not leaks(secrets, f"{tmp_path / 'key.json'}")
    assert leaks(secrets, "/8sH3kd9+Qw2")


def test_the_environment_tells_the_secrets_of_azures_clients() -> None:
    generated = random_secrets.token_urlsafe(32)
    secrets = Secrets.of_environment(
        {
            "AZURE_CLIENT_SECRET": generated,
            "AZURE_FEDERATED_TOKEN_FILE": "/var/run/secrets/azure/tokens/azure-identity-token",
            "AZURE_CLIENT_ID": "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
            "TOKENIZERS_PARALLELISM": "true and more",
        }
    )
    assert leaks(secrets, generated)
    assert not leaks(secrets, "8e3af657-a8ff-443c-a75c-2fe8c4bcb635 /var/run/secrets/azure/tokens/ true and more")
