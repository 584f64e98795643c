import secrets as random_secrets
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workshop.notebooks.secrets import REDACTED, Secrets, looks_like_a_secret, named_like_a_secret

TOKEN = "eyJ0eXAiOiJKV1QifQ.eyJhdWQiOiJ4In0.c2lnbmF0dXJl"
SECRET = "pR3-Vq8ZxLk2Wn7TbYc5Jd9MgHf4SaUe1Qo6Xi0Ev_w"  # invented
url_safe = st.text(string.ascii_letters + string.digits + "-_", min_size=24, max_size=60)


@pytest.mark.parametrize(
    "name",
    ["client_secret", "AZURE_CLIENT_SECRET", "password", "access_token", "sas", "api_key", "storage_key", "credential"],
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
    assert secrets.leaks_in(text)
    redacted = secrets.redact(text)
    assert not secrets.leaks_in(redacted)
    assert secret not in redacted
    assert REDACTED in redacted


@given(text=st.text(), secret=url_safe)
def test_other_text_stays_as_it_is(text: str, secret: str) -> None:
    secrets = Secrets([secret])
    if not secrets.leaks_in(text):
        assert secrets.redact(text) == text


@given(start=st.integers(0, 30), length=st.integers(12, 43))
def test_a_telling_part_of_a_secret_is_a_leak(start: int, length: int) -> None:
    part = SECRET[start : start + length]
    assert Secrets([SECRET]).leaks_in(f"it begins with {part}...") == (len(part) >= 12)


def test_the_beginning_of_a_token_is_a_leak() -> None:
    assert Secrets().leaks_in("token: eyJ0eXAiOiJK...")
    assert Secrets().redact(f"<b>{TOKEN}</b> and {TOKEN[:14]}…") == f"<b>{REDACTED}</b> and {REDACTED}…"
    assert not Secrets().leaks_in("eyJ is how tokens begin")


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
    assert secrets.leaks_in(generated)
    assert not secrets.leaks_in("8e3af657-a8ff-443c-a75c-2fe8c4bcb635 /var/run/secrets/azure/tokens/ true and more")
