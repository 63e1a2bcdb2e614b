"""Tokens of an identity provider: what is taken, what is refused, and what a token allows; as attackers try it."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import neo4j
import pytest
from cryptography.hazmat.primitives import serialization

from kgmem.bolt.graphs import MemoryBackend
from kgmem.bolt.server import ServerOptions, serving
from kgmem.bootstrap.ports import _tokens
from kgmem.domain.errors import InvalidInput
from kgmem.oidc import key_set
from kgmem.oidc.key_set import KeySet
from kgmem.oidc.tokens import BearerTokens, Mapped, roles_of
from kgmem.settings import Settings
from tests.identity_provider import AUDIENCE, Provider, provider
from tests.rest import Door, done, refused

GRAPH = "/v1/graphs/main"


@pytest.fixture
async def idp() -> AsyncIterator[Provider]:
    async with provider() as running:
        yield running


def _taken(door: Door, idp: Provider, monkeypatch: pytest.MonkeyPatch, **more: Any) -> None:
    """Let a server take the tokens of a provider."""
    keys = KeySet(idp.issuer, more.pop("place", None))
    algorithms = more.pop("algorithms", ["RS256", "ES256", "EdDSA"])
    tokens = BearerTokens(idp.issuer, [AUDIENCE], keys, algorithms=algorithms, mapped=Mapped(**more))
    monkeypatch.setattr(door.memory.ports.keys, "_tokens", tokens)


def _bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_a_token_is_a_key_with_the_role_that_its_claim_gives(
    door: Door, idp: Provider, monkeypatch: pytest.MonkeyPatch, algorithm: str
) -> None:
    _taken(door, idp, monkeypatch)
    idp.add("signing", algorithm)
    reader = _bearing(idp.token("signing", kgmem_role="reader"))
    done(await door.client.get(GRAPH, headers=reader))
    entities = {"entities": [{"key": "x", "label": "Person"}]}
    refused(await door.client.put(f"{GRAPH}/entities", json=entities, headers=reader), 403, "reader")
    writer = _bearing(idp.token("signing", kgmem_role="writer"))
    done(await door.client.put(f"{GRAPH}/entities", json=entities, headers=writer))
    done(await door.client.get("/v1/keys", headers=_bearing(idp.token("signing", kgmem_role=["reader", "admin"]))))
    assert idp.asked == ["/.well-known/openid-configuration", "/keys"]


async def test_forged_and_foreign_tokens_are_refused(
    door: Door, idp: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    _taken(door, idp, monkeypatch)
    good = idp.token(kgmem_role="admin")
    done(await door.client.get("/v1/keys", headers=_bearing(good)))
    head, body, signature = good.split(".")
    other = Provider(issuer=idp.issuer)
    other.add("one", "RS256")
    public = idp.keys["one"][1].public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    admin = idp.claims(kgmem_role="admin")
    present = int(time.time())

    def symmetric(secret: bytes, algorithm: str = "HS256") -> str:
        signing = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
        text = f"{_part({'alg': algorithm, 'typ': 'JWT', 'kid': 'one'})}.{_part(admin)}"
        made = base64.urlsafe_b64encode(signing.sign(text.encode(), secret)).rstrip(b"=").decode()
        return f"{text}.{made}"

    own = other.public("one")
    attacks = {
        "no signature": f"{head}.{body}.",
        "alg none": f"{_part({'alg': 'none'})}.{_part(admin)}.",
        "alg None": f"{_part({'alg': 'None'})}.{_part(admin)}.",
        "alg none with the signature": f"{_part({'alg': 'none', 'kid': 'one'})}.{body}.{signature}",
        "no alg": f"{_part({'typ': 'JWT'})}.{body}.{signature}",
        "alg is a list": f"{_part({'alg': ['RS256']})}.{body}.{signature}",
        "HS256 by the public key": symmetric(pem),
        "HS256 by the modulus": symmetric(idp.public("one")["n"].encode()),
        "HS256 by nothing": symmetric(b""),
        "another body": f"{head}.{_part({**admin, 'sub': 'root'})}.{signature}",
        "another key": other.token(kgmem_role="admin"),
        "a key in the header": other.token(headers={"jwk": own}, kgmem_role="admin"),
        "a URL of keys in the header": other.token(headers={"jku": "http://127.0.0.1:9/k"}, kgmem_role="admin"),
        "a path as kid": other.token(headers={"kid": "../../../../dev/null"}, kgmem_role="admin"),
        "a number as kid": f"{_part({'alg': 'RS256', 'kid': 5})}.{body}.{signature}",
        "another algorithm of the same key": jwt.encode(admin, idp.keys["one"][1], algorithm="RS512"),
        "critical extensions": idp.token(headers={"crit": ["x"], "x": 1}, kgmem_role="admin"),
        "another issuer": idp.token(iss="https://evil.example", kgmem_role="admin"),
        "an issuer that begins alike": idp.token(iss=f"{idp.issuer}.evil.example", kgmem_role="admin"),
        "no issuer": idp.token(iss=None, kgmem_role="admin"),
        "another audience": idp.token(aud="another", kgmem_role="admin"),
        "an audience that has it": idp.token(aud=f"x{AUDIENCE}", kgmem_role="admin"),
        "no audience": idp.token(aud=None, kgmem_role="admin"),
        "expired": idp.token(exp=present - 60, kgmem_role="admin"),
        "no expiry": idp.token(exp=None, kgmem_role="admin"),
        "an expiry that is no number": idp.token(exp="never", kgmem_role="admin"),
        "not yet valid": idp.token(nbf=present + 600, kgmem_role="admin"),
        "issued in the future": idp.token(iat=present + 600, kgmem_role="admin"),
        "no subject": idp.token(sub=None, kgmem_role="admin"),
        "an empty subject": idp.token(sub="", kgmem_role="admin"),
        "not JSON": f"{base64.urlsafe_b64encode(b'{').decode()}.{body}.{signature}",
        "claims that are a list": f"{head}.{_part([1])}.{signature}",
        "dots": "..",
        "too long": good + "A" * 20_000,
        "deep": f"{base64.urlsafe_b64encode(b'[' * 5_000).decode()}.{body}.{signature}",
    }
    for name, token in attacks.items():
        answer = await door.client.get("/v1/keys", headers=_bearing(token))
        assert answer.status_code == 401, (name, answer.text)
        assert "evil" not in answer.text, name
    done(await door.client.get("/v1/keys", headers=_bearing(good)))


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"kgmem_role": "owner"}, 403),
        ({"kgmem_role": 5}, 403),
        ({"kgmem_role": {"admin": True}}, 403),
        ({"kgmem_role": ["x", ["admin"]]}, 403),
        ({}, 403),
        ({"kgmem_role": "reader", "kgmem_graph": "other"}, 404),
        ({"kgmem_role": "reader", "kgmem_graph": ["main"]}, 403),
        ({"kgmem_role": "reader", "kgmem_graph": ""}, 403),
        ({"kgmem_role": "reader", "kgmem_scope": ""}, 403),
        ({"kgmem_role": "reader", "kgmem_scope": ["a"]}, 403),
        ({"kgmem_role": "reader", "kgmem_scope": "a//b"}, 403),
        ({"kgmem_role": "reader", "kgmem_scope": "a b"}, 403),
        ({"kgmem_role": "reader", "kgmem_graph": "main"}, 200),
    ],
)
async def test_claims_that_are_odd_allow_nothing(
    door: Door, idp: Provider, monkeypatch: pytest.MonkeyPatch, claims: dict[str, Any], status: int
) -> None:
    _taken(door, idp, monkeypatch)
    answer = await door.client.get(GRAPH, headers=_bearing(idp.token(**claims)))
    assert answer.status_code == status, answer.text


async def test_each_person_is_in_a_scope_of_their_own(
    door: Door, idp: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    roles = roles_of("staff=writer, bosses=admin, *=reader")
    _taken(door, idp, monkeypatch, scope="user/{sub}", roles=roles, role_claim="realm.groups")
    staff = {"realm": {"groups": ["other", "staff"]}}
    ada, bob = (_bearing(idp.token(sub=name, **staff)) for name in ("ada", "bob"))
    done(
        await door.client.put(f"{GRAPH}/entities", json={"entities": [{"key": "diary", "label": "Note"}]}, headers=ada)
    )
    assert done(await door.client.get(f"{GRAPH}/entities/diary", headers=ada))["scope"] == "user/ada"
    refused(await door.client.get(f"{GRAPH}/entities/diary", headers=bob), 404)
    refused(await door.client.get(f"{GRAPH}/entities/diary?scope=user/ada", headers=bob), 403)
    plain = _bearing(idp.token(sub="eve"))  # By `*`, a reader.
    refused(
        await door.client.put(f"{GRAPH}/entities", json={"entities": [{"key": "x", "label": "N"}]}, headers=plain), 403
    )
    for subject in ("ada/..", "/", "user/ada", "a b", "x\n"):
        refused(await door.client.get(GRAPH, headers=_bearing(idp.token(sub=subject))), 403)
    done(await door.client.get("/v1/keys", headers=_bearing(idp.token(realm={"groups": ["bosses"]}))))
    _taken(door, idp, monkeypatch, scope="tenant/{org.id}/{sub}", roles=roles)
    for org in (None, {}, {"id": ""}, {"id": "a/b"}, {"id": True}, {"id": ["a"]}, "id"):
        refused(await door.client.get(GRAPH, headers=_bearing(idp.token(org=org))), 403)
    done(await door.client.get(GRAPH, headers=_bearing(idp.token(org={"id": 7}))))


async def test_keys_of_the_provider_rotate_and_outlast_its_absence(
    door: Door, idp: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    _taken(door, idp, monkeypatch)
    one = _bearing(idp.token(kgmem_role="reader"))
    done(await door.client.get(GRAPH, headers=one))
    unknown = Provider(issuer=idp.issuer)
    unknown.add("made up", "RS256")
    for _ in range(20):  # Whoever makes up ids of keys makes nobody read them again and again.
        refused(await door.client.get(GRAPH, headers=_bearing(unknown.token("made up", kgmem_role="reader"))), 401)
    assert len(idp.asked) == 2
    monkeypatch.setattr(key_set, "_PAUSE", 0.0)
    idp.add("two", "ES256")
    done(await door.client.get(GRAPH, headers=_bearing(idp.token("two", kgmem_role="reader"))))
    idp.broken = True
    monkeypatch.setattr(key_set, "_FRESH", 0.0)
    done(await door.client.get(GRAPH, headers=one))
    idp.broken = False
    del idp.keys["one"]
    refused(await door.client.get(GRAPH, headers=one), 401)


async def test_a_provider_that_was_never_reached_is_no_refusal(
    door: Door, idp: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    _taken(door, idp, monkeypatch)
    idp.broken = True
    refused(await door.client.get(GRAPH, headers=_bearing(idp.token(kgmem_role="reader"))), 503)
    done(await door.client.get(GRAPH))  # API keys need no provider.
    for document in ({"issuer": "https://evil.example"}, {"jwks_uri": "http://evil.example/keys"}, {"jwks_uri": 5}):
        idp.broken, idp.document = False, document
        _taken(door, idp, monkeypatch)
        answer = await door.client.get(GRAPH, headers=_bearing(idp.token(kgmem_role="reader")))
        assert answer.status_code in {422, 503}


async def test_keys_come_from_a_file_and_secrets_and_small_keys_are_none(
    door: Door, idp: Provider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "keys.json"
    secret = {"kty": "oct", "k": "c2VjcmV0", "kid": "one"}
    file.write_text(json.dumps({"keys": [secret, {"kty": "RSA"}, 5, *idp.key_set()["keys"]]}))
    _taken(door, idp, monkeypatch, place=str(file))
    done(await door.client.get(GRAPH, headers=_bearing(idp.token(kgmem_role="reader"))))
    idp.add("two", "ES256")
    file.write_text(json.dumps(idp.key_set()))
    done(await door.client.get(GRAPH, headers=_bearing(idp.token("two", kgmem_role="reader"))))
    file.write_text("{")
    done(await door.client.get(GRAPH, headers=_bearing(idp.token("two", kgmem_role="reader"))))
    file.write_text(json.dumps({"keys": [secret]}))
    _taken(door, idp, monkeypatch, place=str(file))
    refused(await door.client.get(GRAPH, headers=_bearing(idp.token(kgmem_role="reader"))), 503)
    assert not idp.asked


@pytest.mark.long
async def test_what_a_token_has_opened_ends_with_it(door: Door, idp: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    _taken(door, idp, monkeypatch)
    monkeypatch.setattr("kgmem.oidc.tokens._LEEWAY", 0.0)
    token = idp.token(exp=int(time.time()) + 3, kgmem_role="reader")
    async with serving(MemoryBackend(door.memory), ServerOptions("127.0.0.1", 0)) as address:
        for auth in (neo4j.bearer_auth(token), ("ada", token)):
            async with neo4j.AsyncGraphDatabase.driver(f"bolt://{address}", auth=auth) as driver:
                await driver.execute_query("RETURN 1", database_="main")
        key = await door.memory.keys.authenticate(token)
        ended = asyncio.Event()
        door.memory.keys.watch(key.id, ended.set, generation=key.generation)
        async with asyncio.timeout(30):
            await ended.wait()
    refused(await door.client.get(GRAPH, headers=_bearing(token)), 401, "expired")


@pytest.mark.parametrize(
    "changed",
    [
        {"oidc_audience": None},
        {"oidc_audience": " , "},
        {"oidc_algorithms": "HS256"},
        {"oidc_algorithms": "RS256,none"},
        {"oidc_algorithms": ""},
        {"oidc_issuer": "http://idp.example.com"},
        {"oidc_jwks": "http://idp.example.com/keys"},
        {"oidc_jwks": "file:///etc/passwd"},
        {"oidc_roles": "admins"},
        {"oidc_roles": "admins=owner"},
    ],
)
def test_settings_that_would_take_too_much_are_refused_at_the_start(
    settings: Settings, changed: dict[str, Any]
) -> None:
    good = {"oidc_issuer": "https://idp.example.com", "oidc_audience": AUDIENCE}
    assert _tokens(settings.model_copy(update=good)) is not None
    with pytest.raises(InvalidInput):
        _tokens(settings.model_copy(update={**good, **changed}))
