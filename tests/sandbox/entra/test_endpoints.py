"""Entra's endpoints: over real HTTP, with the real clients, and what they refuse."""

import base64
import json
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlencode

import jwt
import msal
import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CertificateCredential, ClientSecretCredential
from cryptography.hazmat.primitives import serialization
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.cloud import Cloud
from sandbox.core import seed_data
from sandbox.core.clock import SystemClock
from sandbox.core.http import Request
from sandbox.entra.endpoints import Entra
from sandbox.entra.keys import SigningKey
from sandbox.entra.sign_in import MAXIMUM_BODY
from sandbox.state.directory import Principal
from sandbox.web.tls import Certificates, ensure_certificates
from tests.support.sandbox import RunningSandbox

CLIENT = "11111111-1111-4111-8111-111111111111"
OBJECT = "22222222-2222-4222-8222-222222222222"
SECRET = "s3cret~of+the/application=="
OTHER_TENANT = "99999999-9999-4999-8999-999999999999"
ARM = "https://management.azure.com"
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return ensure_certificates(tmp_path_factory.mktemp("tls"), SystemClock())


@pytest.fixture
def tenant(cloud: Cloud) -> str:
    """The tenant's id; it has one application."""
    cloud.directory.add(Principal(OBJECT, CLIENT, "app", "Application", None), SECRET)
    return cloud.seed_data.tenant_id


@pytest.fixture
def entra(cloud: Cloud, serve: Callable[..., str], certificates: Certificates, tenant: str) -> str:
    """Entra's address."""
    return serve(Entra(cloud.tenant).handle, certificates)


@pytest.fixture
def https(http: requests.Session, certificates: Certificates) -> requests.Session:
    http.verify = str(certificates.ca_pem)
    return http


def good(version: int) -> dict[str, str]:
    form = {"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": SECRET}
    return form | ({"resource": f"{ARM}/"} if version == 1 else {"scope": f"{ARM}/.default"})


def without(form: dict[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in form.items() if key != name}


# --- it works ----------------------------------------------------------------------------------------------------


def test_version_2_gives_a_token(https: requests.Session, entra: str, cloud: Cloud, tenant: str) -> None:
    answer = https.post(f"{entra}/{tenant}/oauth2/v2.0/token", data=good(2), timeout=300)
    body = answer.json()
    claims = cloud.validator.validate(body.pop("access_token"))
    assert (answer.status_code, body) == (
        200,
        {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599},
    )
    assert (claims.object_id, claims.client_id, claims.audience) == (OBJECT, CLIENT, ARM)
    assert (claims.raw["appidacr"], claims.raw["idtyp"]) == ("1", "app")
    assert "xms_mirid" not in claims.raw


def test_version_1_gives_a_token(https: requests.Session, entra: str, cloud: Cloud, tenant: str) -> None:
    body = https.post(f"{entra}/{tenant}/oauth2/token", data=good(1), timeout=300).json()
    claims = cloud.validator.validate(body.pop("access_token"))
    now = int(cloud.clock.now().timestamp())
    assert claims.audience == f"{ARM}/"
    assert body == {
        "token_type": "Bearer",
        "expires_in": "3599",
        "ext_expires_in": "3599",
        "expires_on": str(now + 3600),
        "not_before": str(now - 300),
        "resource": f"{ARM}/",
    }


@pytest.mark.parametrize("name", ["id", "ID", seed_data.TENANT_DOMAIN, seed_data.TENANT_DOMAIN.upper()])
def test_the_tenant_goes_by_id_and_by_domain(https: requests.Session, entra: str, tenant: str, name: str) -> None:
    given = {"id": tenant, "ID": tenant.upper()}.get(name, name)
    answer = https.post(f"{entra}/{given}/oauth2/v2.0/token", data=good(2), timeout=300)
    assert answer.status_code == 200
    assert https.get(f"{entra}/{given}/v2.0/.well-known/openid-configuration", timeout=300).status_code == 200


@pytest.mark.parametrize(
    ("scope", "audience"),
    [
        (f"{ARM}/.default", ARM),
        (f"{ARM}//.default", f"{ARM}/"),
        ("https://management.core.windows.net//.default", "https://management.core.windows.net/"),
        (f"{ARM}/.default offline_access openid profile", ARM),
        ("https://vault.azure.net/.default", "https://vault.azure.net"),
    ],
)
def test_the_audience_is_what_stands_before_default(
    https: requests.Session, entra: str, tenant: str, scope: str, audience: str
) -> None:
    form = good(2) | {"scope": scope}
    token = https.post(f"{entra}/{tenant}/oauth2/v2.0/token", data=form, timeout=300).json()["access_token"]
    assert jwt.decode(token, options={"verify_signature": False})["aud"] == audience


def test_the_sandboxs_own_address_is_a_resource(https: requests.Session, entra: str, cloud: Cloud, tenant: str) -> None:
    cloud.validator.accept(entra)
    form = good(2) | {"scope": f"{entra}/.default"}
    body = https.post(f"{entra}/{tenant}/oauth2/v2.0/token", data=form, timeout=300).json()
    assert cloud.validator.validate(body["access_token"]).audience == entra


def test_a_client_may_prove_itself_in_the_header(https: requests.Session, entra: str, tenant: str) -> None:
    form = without(without(good(2), "client_id"), "client_secret")
    pair = f"{CLIENT}:{quote(SECRET, safe='')}"
    header = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
    url = f"{entra}/{tenant}/oauth2/v2.0/token"
    assert https.post(url, data=form, headers=header, timeout=300).status_code == 200
    wrong = {"Authorization": "Basic " + base64.b64encode(f"{CLIENT}:wrong".encode()).decode()}
    assert https.post(url, data=form, headers=wrong, timeout=300).status_code == 401


def test_azure_identity_signs_in(entra: str, cloud: Cloud, certificates: Certificates, tenant: str) -> None:
    credential = ClientSecretCredential(
        tenant,
        CLIENT,
        SECRET,
        authority=entra,
        disable_instance_discovery=True,
        connection_verify=str(certificates.ca_pem),
    )
    with credential:
        token = credential.get_token(f"{ARM}/.default").token
    assert cloud.validator.validate(token).object_id == OBJECT


def test_msal_signs_in(entra: str, https: requests.Session, cloud: Cloud, tenant: str) -> None:
    application = msal.ConfidentialClientApplication(
        CLIENT, SECRET, authority=f"{entra}/{tenant}", instance_discovery=False, http_client=https
    )
    result = application.acquire_token_for_client([f"{ARM}/.default"])
    assert cloud.validator.validate(result["access_token"]).client_id == CLIENT


def test_a_client_shows_the_refusal(entra: str, certificates: Certificates, tenant: str) -> None:
    credential = ClientSecretCredential(
        tenant,
        CLIENT,
        "not-the-secret",
        authority=entra,
        disable_instance_discovery=True,
        connection_verify=str(certificates.ca_pem),
    )
    with credential, pytest.raises(ClientAuthenticationError, match="AADSTS7000215") as caught:
        credential.get_token(f"{ARM}/.default")
    assert "not-the-secret" not in str(caught.value)


def test_a_client_certificate_is_not_known(
    entra: str, certificates: Certificates, tenant: str, key: SigningKey, tmp_path: Path
) -> None:
    # A real client signs a real assertion; no application here has a certificate.
    pem = key.private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    encoded = base64.encodebytes(key.certificate)
    file = tmp_path / "client.pem"
    file.write_bytes(pem + b"-----BEGIN CERTIFICATE-----\n" + encoded + b"-----END CERTIFICATE-----\n")
    credential = CertificateCredential(
        tenant,
        CLIENT,
        str(file),
        authority=entra,
        disable_instance_discovery=True,
        connection_verify=str(certificates.ca_pem),
    )
    with credential, pytest.raises(ClientAuthenticationError, match="AADSTS700027"):
        credential.get_token(f"{ARM}/.default")


# --- what is published ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["discovery/keys", "discovery/v2.0/keys"])
@pytest.mark.parametrize("name", ["tenant", "common"])
def test_the_published_keys_verify_a_token(
    https: requests.Session, entra: str, tenant: str, path: str, name: str
) -> None:
    keys = https.get(f"{entra}/{tenant if name == 'tenant' else name}/{path}", timeout=300).json()
    body = https.post(f"{entra}/{tenant}/oauth2/v2.0/token", data=good(2), timeout=300).json()
    (published,) = jwt.PyJWKSet.from_dict(keys).keys
    claims = jwt.decode(
        body["access_token"],
        published.key,
        algorithms=["RS256"],
        options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
        audience=ARM,
        issuer=f"https://sts.windows.net/{tenant}/",
    )
    assert claims["tid"] == tenant
    assert set(keys["keys"][0]) == {"kty", "use", "kid", "x5t", "n", "e", "x5c"}


@pytest.mark.parametrize(
    ("path", "issuer"),
    [
        (".well-known/openid-configuration", "https://sts.windows.net/{tenant}/"),
        ("v2.0/.well-known/openid-configuration", "https://login.microsoftonline.com/{tenant}/v2.0"),
    ],
)
def test_the_configurations_addresses_are_good(
    https: requests.Session, entra: str, tenant: str, path: str, issuer: str
) -> None:
    answer = https.get(f"{entra}/{tenant}/{path}", timeout=300)
    configuration = answer.json()
    version = 2 if path.startswith("v2.0") else 1
    assert configuration["issuer"] == issuer.format(tenant=tenant)
    assert https.post(configuration["token_endpoint"], data=good(version), timeout=300).status_code == 200
    assert https.get(configuration["jwks_uri"], timeout=300).json()["keys"]
    for name in ("authorization_endpoint", "device_authorization_endpoint", "end_session_endpoint"):
        assert https.get(configuration[name], timeout=300).status_code == 404, "nobody signs in with a browser here"
    assert {"userinfo_endpoint", "scopes_supported", "response_modes_supported", "claims_supported"} <= set(
        configuration
    )
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


ARMS = {"x-ms-correlation-request-id", "x-ms-routing-request-id"}


def test_the_headers_are_entras_and_not_resource_managers(sandbox: RunningSandbox) -> None:
    tenant = f"{sandbox.endpoint}/{sandbox.seed_data.tenant_id}"
    refused = sandbox.session.post(f"{tenant}/oauth2/v2.0/token", data={"grant_type": "password"})
    assert refused.headers["Cache-Control"] == "no-store, no-cache"
    published = sandbox.session.get(f"{tenant}/v2.0/.well-known/openid-configuration")
    assert published.headers["Cache-Control"] == "max-age=86400, private"
    assert not {"Pragma", "Expires"} & set(published.headers)
    for answer in (refused, published):
        assert GUID.fullmatch(answer.headers["x-ms-request-id"])
        assert not ARMS & set(map(str.lower, answer.headers))
    assert set(map(str.lower, sandbox.arm("GET", "/subscriptions", version="2022-12-01").headers)) > ARMS


@pytest.mark.parametrize("host", ["login.microsoftonline.com", "login.windows.net", "own"])
def test_instance_discovery_knows_entras_hosts(https: requests.Session, entra: str, tenant: str, host: str) -> None:
    authority = entra if host == "own" else f"https://{host}"
    query = {"api-version": "1.1", "authorization_endpoint": f"{authority}/{tenant}/oauth2/v2.0/authorize"}
    body = https.get(f"{entra}/common/discovery/instance", params=query, timeout=300).json()
    assert body["api-version"] == "1.1"
    assert body["tenant_discovery_endpoint"] == f"{authority}/{tenant}/v2.0/.well-known/openid-configuration"
    [metadata] = [each for each in body["metadata"] if authority.removeprefix("https://") in each["aliases"]]
    clouds = [each for each in body["metadata"] if each["preferred_network"] != entra.removeprefix("https://")]
    assert len(clouds) == 5
    for each in (metadata, *clouds):
        assert {each["preferred_network"], each["preferred_cache"]} <= set(each["aliases"])


@pytest.mark.parametrize(
    "authority",
    [
        "https://login.example.com/t/",
        "http://login.microsoftonline.com/t/",
        "https://login.windows.net",
        "https://[",
        "x",
    ],
)
def test_instance_discovery_refuses_other_hosts(https: requests.Session, entra: str, authority: str) -> None:
    query = {"api-version": "1.1", "authorization_endpoint": authority}
    answer = https.get(f"{entra}/common/discovery/instance", params=query, timeout=300)
    check_refusal(answer, 400, "invalid_instance", 50049)


# --- what is refused ------------------------------------------------------------------------------------------

REFUSALS = [
    pytest.param({"client_secret": "wrong"}, 401, "invalid_client", 7000215, id="wrong secret"),
    pytest.param({"client_secret": SECRET[:-1]}, 401, "invalid_client", 7000215, id="part of the secret"),
    pytest.param({"client_secret": SECRET.upper()}, 401, "invalid_client", 7000215, id="secret in capitals"),
    pytest.param({"client_secret": "é" * 40}, 401, "invalid_client", 7000215, id="secret not ASCII"),
    pytest.param({"client_secret": None}, 401, "invalid_client", 7000216, id="no secret"),
    pytest.param({"client_secret": ""}, 401, "invalid_client", 7000216, id="empty secret"),
    pytest.param({"client_id": OBJECT}, 400, "unauthorized_client", 700016, id="object id for client id"),
    pytest.param({"client_id": "' OR 1=1 --"}, 400, "unauthorized_client", 700016, id="no id at all"),
    pytest.param({"client_id": None}, 400, "invalid_request", 900144, id="no client id"),
    pytest.param({"grant_type": None}, 400, "invalid_request", 900144, id="no grant"),
    pytest.param({"grant_type": "password"}, 400, "unsupported_grant_type", 70003, id="password grant"),
    pytest.param({"grant_type": "refresh_token"}, 400, "unsupported_grant_type", 70003, id="refresh grant"),
]


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(("change", "status", "error", "code"), REFUSALS)
def test_a_refusal(
    https: requests.Session,
    entra: str,
    tenant: str,
    version: int,
    change: dict[str, str | None],
    status: int,
    error: str,
    code: int,
) -> None:
    form = {name: value for name, value in (good(version) | change).items() if value is not None}
    path = "oauth2/token" if version == 1 else "oauth2/v2.0/token"
    correlation = str(uuid.uuid4())
    headers = {"client-request-id": correlation}
    answer = https.post(f"{entra}/{tenant}/{path}", data=form, headers=headers, timeout=300)
    check_refusal(answer, status, error, code)
    assert answer.json()["correlation_id"] == correlation
    assert SECRET not in answer.text
    secret = form.get("client_secret")
    assert not secret or secret not in answer.text


def check_refusal(answer: requests.Response, status: int, error: str, code: int) -> None:
    body = answer.json()
    assert (answer.status_code, body["error"], body["error_codes"]) == (status, error, [code])
    assert set(body) == {
        "error",
        "error_description",
        "error_codes",
        "timestamp",
        "trace_id",
        "correlation_id",
        "error_uri",
    }
    assert body["error_description"].startswith(f"AADSTS{code}: ")
    for name, label in (("trace_id", "Trace ID"), ("correlation_id", "Correlation ID")):
        assert GUID.fullmatch(body[name])
        assert f"{label}: {body[name]}" in body["error_description"]
    assert body["timestamp"] == "2024-05-28 12:00:00Z"
    assert body["error_uri"] == f"https://login.microsoftonline.com/error?code={code}"
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("scope", "error", "code"),
    [
        (None, "invalid_request", 900144),
        ("", "invalid_request", 900144),
        ("   ", "invalid_scope", 70011),
        ("openid profile", "invalid_scope", 70011),
        (f"{ARM}/user_impersonation", "invalid_scope", 1002012),
        (ARM, "invalid_scope", 1002012),
        (".default", "invalid_scope", 1002012),
        (f"{ARM}/.default https://vault.azure.net/.default", "invalid_request", 28000),
        ("https://api.contoso.com/.default", "invalid_resource", 500011),
        ("https://management.azure.com.contoso.com/.default", "invalid_resource", 500011),
        ("/.default", "invalid_resource", 500011),
    ],
)
def test_a_scope_that_is_refused(
    https: requests.Session, entra: str, tenant: str, scope: str | None, error: str, code: int
) -> None:
    form = without(good(2), "scope") | ({} if scope is None else {"scope": scope})
    answer = https.post(f"{entra}/{tenant}/oauth2/v2.0/token", data=form, timeout=300)
    check_refusal(answer, 400, error, code)


@pytest.mark.parametrize(
    ("resource", "error", "code"),
    [(None, "invalid_request", 900144), ("https://api.contoso.com", "invalid_resource", 500011)],
)
def test_a_resource_that_is_refused(
    https: requests.Session, entra: str, tenant: str, resource: str | None, error: str, code: int
) -> None:
    form = without(good(1), "resource") | ({} if resource is None else {"resource": resource})
    check_refusal(https.post(f"{entra}/{tenant}/oauth2/token", data=form, timeout=300), 400, error, code)


def test_a_resource_is_not_looked_up_for_a_stranger(https: requests.Session, entra: str, tenant: str) -> None:
    form = good(1) | {"resource": "https://api.contoso.com", "client_secret": "wrong"}
    answer = https.post(f"{entra}/{tenant}/oauth2/token", data=form, timeout=300)
    check_refusal(answer, 401, "invalid_client", 7000215)


@pytest.mark.parametrize("path", ["oauth2/token", "oauth2/v2.0/token"])
@pytest.mark.parametrize(
    ("name", "code"),
    [
        (OTHER_TENANT, 90002),
        ("fabrikam.onmicrosoft.com", 90002),
        ("common", 50059),
        ("organizations", 50059),
        ("no-tenant", 900023),
        ("%00", 900023),
    ],
)
def test_another_tenant(https: requests.Session, entra: str, path: str, name: str, code: int) -> None:
    answer = https.post(f"{entra}/{name}/{path}", data=good(2), timeout=300)
    check_refusal(answer, 400, "invalid_request", code)


@pytest.mark.parametrize(
    ("path", "code"),
    [("v2.0/.well-known/openid-configuration", 90002), ("discovery/keys", 90002), ("oauth2/nothing", 90114)],
)
def test_another_tenants_metadata(https: requests.Session, entra: str, path: str, code: int) -> None:
    answer = https.get(f"{entra}/{OTHER_TENANT}/{path}", timeout=300)
    check_refusal(answer, 404 if code == 90114 else 400, "invalid_request", code)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_a_token_is_posted_for(https: requests.Session, entra: str, tenant: str, method: str) -> None:
    answer = https.request(method, f"{entra}/{tenant}/oauth2/v2.0/token", data=good(2), timeout=300)
    check_refusal(answer, 400, "invalid_request", 900561)
    assert f"Received a {method} request" in answer.json()["error_description"]


def test_metadata_is_read_only(https: requests.Session, entra: str, tenant: str) -> None:
    check_refusal(https.post(f"{entra}/{tenant}/discovery/keys", timeout=300), 400, "invalid_request", 900561)


FORM = "grant_type=client_credentials"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b"", 900144, id="empty"),
        pytest.param(json.dumps(good(2)).encode(), 900144, id="JSON"),
        pytest.param(b"&&&===", 900144, id="separators"),
        pytest.param(b"grant_type=\xff\xfe", 9002313, id="not UTF-8"),
        pytest.param(b"grant_type=%ff%fe", 9002313, id="escaped, not UTF-8"),
        pytest.param(b"a=1&" * 100, 9002313, id="too many fields"),
        pytest.param(b"x" * (MAXIMUM_BODY + 1), 9002313, id="too large"),
        pytest.param(f"{FORM}&{FORM}".encode(), 9000411, id="twice"),
        pytest.param(f"{FORM}&client_secret={SECRET}&client_secret=a".encode(), 9000411, id="two secrets"),
    ],
)
def test_a_malformed_body(https: requests.Session, entra: str, tenant: str, body: bytes, code: int) -> None:
    answer = https.post(f"{entra}/{tenant}/oauth2/v2.0/token", data=body, timeout=300)
    check_refusal(answer, 400, "invalid_request", code)
    assert SECRET not in answer.text


@pytest.mark.parametrize("value", ["!!!", base64.b64encode(b"\xff\xfe").decode()])
def test_a_malformed_header(https: requests.Session, entra: str, tenant: str, value: str) -> None:
    headers = {"Authorization": f"Basic {value}"}
    answer = https.post(f"{entra}/{tenant}/oauth2/v2.0/token", data=good(2), headers=headers, timeout=300)
    check_refusal(answer, 400, "invalid_request", 9002313)


def test_a_managed_identity_has_no_secret(https: requests.Session, entra: str, cloud: Cloud, tenant: str) -> None:
    identity = Principal(OTHER_TENANT, "33333333-3333-4333-8333-333333333333", "ID1", "ManagedIdentity", "/x")
    cloud.directory.add(identity)
    for secret in ("", "None", "null"):
        form = good(2) | {"client_id": identity.client_id, "client_secret": secret}
        answer = https.post(f"{entra}/{tenant}/oauth2/v2.0/token", data=form, timeout=300)
        assert answer.status_code == 401


def test_a_removed_application_cannot_sign_in_again(
    https: requests.Session, entra: str, cloud: Cloud, tenant: str
) -> None:
    url = f"{entra}/{tenant}/oauth2/v2.0/token"
    token = https.post(url, data=good(2), timeout=300).json()["access_token"]
    cloud.directory.remove(OBJECT)
    check_refusal(https.post(url, data=good(2), timeout=300), 400, "unauthorized_client", 700016)
    assert cloud.validator.validate(token).object_id == OBJECT  # the one it has works until it expires


def test_a_changed_secret_counts_at_once(https: requests.Session, entra: str, cloud: Cloud, tenant: str) -> None:
    url = f"{entra}/{tenant}/oauth2/v2.0/token"
    cloud.directory.set_secret(CLIENT, "another")
    assert https.post(url, data=good(2), timeout=300).status_code == 401
    assert https.post(url, data=good(2) | {"client_secret": "another"}, timeout=300).status_code == 200


# --- law ------------------------------------------------------------------------------------------------------

words = st.text(max_size=20) | st.sampled_from([CLIENT, "client_credentials", f"{ARM}/.default", "x"])
forms = st.dictionaries(st.sampled_from(sorted(good(2))) | st.text(max_size=8), words, max_size=6)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.text(max_size=30), body=forms | st.binary(max_size=60), method=st.sampled_from(["GET", "POST"]))
def test_without_the_secret_there_is_no_token(
    cloud: Cloud, tenant: str, path: str, body: dict[str, str] | bytes, method: str
) -> None:
    encoded = body if isinstance(body, bytes) else urlencode(body, errors="replace").encode()
    for target in (f"/{tenant}/oauth2/v2.0/token", f"/{path}", f"/{tenant}/{path}"):
        answer = Entra(cloud.tenant).handle(request(method, target, encoded))
        assert answer.status in {400, 401, 404}
        assert set(answer.body) >= {"error", "error_description", "error_codes"}
        assert "access_token" not in answer.body


def request(method: str, path: str, body: bytes) -> Request:
    return Request(method, "https", "localhost:1", path, (), {}, body)
