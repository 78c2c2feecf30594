"""Which user tokens are believed, and that all others are refused alike."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.test import Client
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from leafloaf.access import token_keys, tokens
from leafloaf.access.authentication import HINT
from leafloaf.access.models import TokenKey
from privacy.models import Subject
from tests.access.signing import Signer, claims, es256, hs256, private_key, public_pem
from tests.calls import Api

pytestmark = pytest.mark.django_db

SEARCH = "/api/v1/search"


@pytest.fixture(params=[hs256, es256])
def shop(request: pytest.FixtureRequest, db: None) -> Signer:
    """A shop that signs with a secret, and one that signs with a private key."""
    signer: Signer = request.param()
    return signer


def searched(token: str) -> Any:
    return Api(token, Client()).post(SEARCH, {"query": "milk"})


def refused(token: str) -> str:
    """Why a token is not believed; an answer that is not the one refusal fails."""
    answer = searched(token)
    assert answer.status_code == 401, answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="leafloaf"'
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail", "code", "errors", "request_id"}
    assert (problem["code"], problem["errors"]) == ("authentication_failed", [])
    assert "user_" not in problem["detail"]
    return str(problem["detail"])


def in_seconds(seconds: float) -> int:
    return int(time.time() + seconds)


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(header: Any, payload: Any, sign: Callable[[bytes], bytes] = lambda _: b"") -> str:
    """A token put together by hand, as an attacker would."""
    said = ".".join(base64url(json.dumps(part).encode()) for part in (header, payload))
    return f"{said}.{base64url(sign(said.encode()))}"


def test_a_token_of_the_shop_is_believed(shop: Signer) -> None:
    assert searched(shop.token()).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"iat": None},
        {"aud": ["other", "leafloaf"]},
        {"sub": "ü" * 128},
        {"name": "more is not looked at", "roles": [{"admin": True}]},
    ],
)
def test_so_is_one_that_says_it_otherwise(shop: Signer, changes: dict[str, Any]) -> None:
    assert searched(shop.token(**changes)).status_code == 200


@pytest.mark.parametrize(
    "seconds",
    [{"exp": 899}, {"nbf": -600}, {"iat": 4, "nbf": 4}, {"exp": -1, "iat": -60}, {"exp": 300.5}],
)
def test_so_is_one_by_a_clock_that_is_a_little_off(shop: Signer, seconds: dict[str, float]) -> None:
    times: dict[str, Any] = {name: time.time() + value for name, value in seconds.items()}
    assert searched(shop.token(**times)).status_code == 200


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"exp": None}, "lacks"),
        ({"sub": None}, "lacks"),
        ({"aud": None}, "lacks"),
        ({"exp": "tomorrow"}, "lacks"),
        ({"exp": True}, "lacks"),
        ({"exp": float("inf")}, "lacks"),
        ({"exp": 10**400}, "lacks"),
        ({"iat": "now"}, "lacks"),
        ({"nbf": []}, "lacks"),
        ({"aud": {"leafloaf": True}}, "lacks"),
        ({"aud": "another shop"}, "somebody else"),
        ({"aud": []}, "somebody else"),
        ({"aud": "leafloaf.example"}, "somebody else"),
        ({"sub": ""}, "empty"),
        ({"sub": "ann@shop.example"}, "e-mail address"),
        ({"sub": "4111 1111 1111 1111"}, "card number"),
        ({"sub": "x" * 129}, "at most 128"),
        ({"sub": "a\0b"}, "NUL"),
    ],
)
def test_a_token_that_says_something_else_is_not(shop: Signer, changes: dict[str, Any], why: str) -> None:
    assert why in refused(shop.token(**changes))


@pytest.mark.parametrize("sub", [7, ["user_123"], {"id": 1}, True])
def test_a_user_id_is_text(shop: Signer, sub: Any) -> None:
    sign = signature(shop)
    assert "lacks" in refused(forged({"alg": shop.algorithm, "kid": shop.kid}, claims() | {"sub": sub}, sign))


def test_half_a_surrogate_pair_is_no_text(shop: Signer) -> None:
    assert "lacks" in refused(shop.token(sub="user\ud800"))


@pytest.mark.parametrize(
    ("seconds", "why"),
    [
        ({"exp": -11, "iat": -60}, "expired"),
        ({"exp": -86400, "iat": -86500}, "expired"),
        ({"exp": 930, "iat": None}, "too long"),
        ({"exp": 890, "iat": -20}, "too long"),
        ({"exp": 5, "iat": -1000}, "too long"),
        ({"exp": 925, "iat": 8}, "too long"),
        ({"exp": 10**9}, "too long"),
        ({"iat": 30}, "future"),
        ({"nbf": 30}, "future"),
    ],
)
def test_a_token_of_another_time_is_not(shop: Signer, seconds: dict[str, int | None], why: str) -> None:
    times: dict[str, Any] = {
        name: None if value is None else in_seconds(value) for name, value in seconds.items()
    }
    assert why in refused(shop.token(**times))


def test_the_clock_may_be_ten_seconds_off_and_no_more() -> None:
    now = 1_800_000_000.0

    def is_young(**times: float) -> bool:
        try:
            tokens.check_times(tokens.Claims(sub="u", aud="leafloaf", **times), now)
        except tokens.Refused:
            return False
        return True

    assert [is_young(exp=now - off) for off in (9.9, 10)] == [True, False]
    assert [is_young(exp=now + 60, iat=now + off) for off in (10, 10.1)] == [True, False]
    assert [is_young(exp=now + 60, nbf=now + off) for off in (10, 10.1)] == [True, False]
    assert [is_young(exp=now + life, iat=now) for life in (900, 901)] == [True, False]
    assert [is_young(exp=now + 900 + off) for off in (10, 10.1)] == [True, False]
    assert not is_young(exp=now + 60, iat=0, nbf=0)


def signature(shop: Signer) -> Callable[[bytes], bytes]:
    algorithm = jwt.get_algorithm_by_name(shop.algorithm)
    return lambda said: algorithm.sign(said, algorithm.prepare_key(shop.key))


def test_no_algorithm_is_no_signature(shop: Signer) -> None:
    for name in ("none", "None", "NONE", "nOnE", "", None):
        assert refused(forged({"alg": name, "kid": shop.kid}, claims())) == f"{tokens.UNSIGNED} {HINT}"
    assert "not signed" in refused(jwt.encode(claims(), "", algorithm="none", headers={"kid": shop.kid}))


def test_the_public_key_is_no_secret() -> None:
    pair = es256()
    assert not isinstance(pair.key, str)
    pem = public_pem(pair.key)
    for secret in (pem, pem.strip(), TokenKey.objects.get().public_key):
        for kid in ({"kid": pair.kid}, {}):
            token = forged(
                {"alg": "HS256", **kid},
                claims(),
                lambda said, secret=secret: hmac.digest(secret.encode(), said, hashlib.sha256),  # type: ignore[misc]
            )
            assert "not signed" in refused(token)


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm_with_the_same_secret_is_refused(algorithm: str) -> None:
    shop = hs256()
    assert "not signed" in refused(
        jwt.encode(claims(), shop.key, algorithm=algorithm, headers={"kid": shop.kid})
    )


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("ES384", ec.generate_private_key(ec.SECP384R1())),
        ("RS256", rsa.generate_private_key(65537, 2048)),
        ("ES256", private_key()),
        ("HS256", "x" * 64),
    ],
)
def test_a_key_of_the_attackers_own_is_refused(shop: Signer, algorithm: str, key: Any) -> None:
    assert "not signed" in refused(jwt.encode(claims(), key, algorithm=algorithm, headers={"kid": shop.kid}))


def test_a_key_that_comes_with_the_token_is_not_looked_at(shop: Signer) -> None:
    mine = private_key()
    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(mine.public_key()))
    for more in ({"jwk": jwk}, {"jku": "https://evil.example/keys"}, {"x5u": "https://evil.example/x"}):
        token = jwt.encode(claims(), mine, algorithm="ES256", headers={"kid": shop.kid} | more)
        assert "not signed" in refused(token)


def test_a_header_that_must_be_understood_and_is_not_is_refused(shop: Signer) -> None:
    header = {"alg": shop.algorithm, "kid": shop.kid, "crit": ["exp"], "exp": 1}
    assert "not signed" in refused(forged(header, claims(), signature(shop)))


def test_a_changed_token_is_refused(shop: Signer) -> None:
    header, payload, signed = shop.token().split(".")
    other = base64url(json.dumps(claims(sub="user_999")).encode())
    assert "not signed" in refused(f"{header}.{other}.{signed}")
    assert "not signed" in refused(f"{header}.{payload}.{signed[:-8]}")
    assert "not signed" in refused(f"{header}.{payload}.")
    assert "not signed" in refused(f"{header}.{payload}")
    assert "not signed" in refused(f"{header}.{payload}.{signed}.{signed}")
    assert "not signed" in refused(f"{header}.{payload}.{'A' * len(signed)}")


@pytest.mark.parametrize(
    "kid", ["unknown", "", "../shared", "' OR 1=1 --", "a\0b", "x" * 2000, 7, None, ["pair"]]
)
def test_a_key_nobody_knows_is_refused(shop: Signer, kid: Any) -> None:
    hs256("another")
    assert "not signed" in refused(forged({"alg": shop.algorithm, "kid": kid}, claims(), signature(shop)))


def test_the_only_key_need_not_be_named_but_one_of_several_must(shop: Signer) -> None:
    unnamed = shop.token(headers={"typ": "JWT"})
    assert searched(unnamed).status_code == 200
    hs256("another")
    assert "not signed" in refused(unnamed)
    assert searched(shop.token()).status_code == 200


def test_a_token_signed_by_one_key_does_not_pass_for_another(shop: Signer) -> None:
    other = hs256("another")
    assert "not signed" in refused(shop.token(headers={"kid": other.kid}))
    assert "not signed" in refused(other.token(headers={"kid": shop.kid}))


def test_a_huge_token_is_refused_before_it_is_read(shop: Signer) -> None:
    assert tokens.LONGEST_TOKEN - 200 < len(shop.token(more="x" * 2850)) <= tokens.LONGEST_TOKEN
    assert searched(shop.token(more="x" * 2850)).status_code == 200
    assert "4096" in refused(shop.token(more="x" * 3000))
    assert "4096" in refused("ey" + "J" * 1_000_000)


@pytest.mark.parametrize("depth", [500, 1000])
def test_depth_is_no_way_to_fall_over(shop: Signer, depth: int) -> None:
    nested = "[" * depth + "]" * depth
    sign = signature(shop)
    header = base64url(json.dumps({"alg": shop.algorithm, "kid": shop.kid}).encode())
    said = f"{header}.{base64url(nested.encode())}"
    assert "lacks" in refused(f"{said}.{base64url(sign(said.encode()))}")
    deep = base64url(f'{{"alg": "{shop.algorithm}", "kid": "{shop.kid}", "x": {nested}}}'.encode())
    said = f"{deep}.{base64url(b'{}')}"
    assert searched(f"{said}.{base64url(sign(said.encode()))}").status_code == 401


def test_no_refusal_tells_whether_a_user_is_known(shop: Signer, secret: Api) -> None:
    secret.send({"event_type": "search", "query": "milk", "event_id": "e1", "user_id": "user_123"})
    assert Subject.objects.filter(user_id="user_123").exists()
    spoilt: list[dict[str, Any]] = [
        {"exp": in_seconds(-60), "iat": in_seconds(-120)},
        {"aud": "x"},
        {"nbf": in_seconds(60)},
    ]
    for changes in spoilt:
        assert refused(shop.token(sub="user_123", **changes)) == refused(shop.token(sub="nobody", **changes))


def test_a_revoked_key_is_refused_once_it_is_forgotten(shop: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_keys, "CACHE_SECONDS", 60.0)
    assert searched(shop.token()).status_code == 200
    token_keys.revoke(TokenKey.objects.all(), by="tests")
    assert searched(shop.token()).status_code == 200, "remembered for up to a second"
    token_keys.forget()
    assert "not signed" in refused(shop.token())


def test_keys_overlap_while_one_takes_the_place_of_the_other() -> None:
    old, new = hs256("2026-05"), es256("2026-06")
    assert [searched(shop.token()).status_code for shop in (old, new)] == [200, 200]
    token_keys.revoke(TokenKey.objects.filter(kid=old.kid), by="tests")
    token_keys.forget()
    assert [searched(shop.token()).status_code for shop in (old, new)] == [401, 200]


def test_a_key_does_not_count_before_its_time() -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    shop = hs256(not_before=later)
    assert "not signed" in refused(shop.token())
    assert token_keys.find(shop.kid, later) is not None


HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "alg": st.sampled_from(["HS256", "ES256", "none", "RS256"]) | st.none() | st.integers(),
        "kid": st.sampled_from(["shared", "pair"]) | st.text() | st.none() | st.integers(),
        "typ": st.text(),
        "crit": st.lists(st.text()) | st.none(),
        "b64": st.booleans(),
    },
)
NUMBERS = st.integers() | st.floats() | st.text() | st.none() | st.lists(st.integers())
PAYLOADS = st.dictionaries(
    st.sampled_from(["sub", "aud", "exp", "iat", "nbf", "jti"]), NUMBERS | st.booleans()
) | st.recursive(NUMBERS, st.lists)
FUZZED = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def believed(token: str) -> bool:
    try:
        tokens.caller_of(token, datetime.now(UTC))
    except tokens.Refused:
        return False
    return True


@FUZZED
@given(st.text(st.characters(codec="latin-1"), max_size=300))
@example("..")
@example(".")
@example("eyJ.eyJ.eyJ")
@example("pk_")
@example("sk_\x00")
@example("é.é.é")
def test_garbage_is_refused_and_nothing_breaks(shop: Signer, garbage: str) -> None:
    headers = {"Authorization": f"Bearer {garbage}"}
    answer = Client().post(SEARCH, b"{}", content_type="application/json", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"


@FUZZED
@given(HEADERS, PAYLOADS, st.binary(max_size=80))
def test_so_is_what_looks_like_a_token(shop: Signer, header: Any, payload: Any, signed: bytes) -> None:
    token = forged(header, payload, lambda _: signed)
    assert not believed(token)


@FUZZED
@given(PAYLOADS)
def test_so_is_nonsense_that_the_shop_signed(shop: Signer, payload: Any) -> None:
    assert not believed(forged({"alg": shop.algorithm, "kid": shop.kid}, payload, signature(shop)))


@FUZZED
@given(st.binary(max_size=200))
def test_so_are_signed_bytes(shop: Signer, payload: bytes) -> None:
    said = f"{base64url(json.dumps({'alg': shop.algorithm, 'kid': shop.kid}).encode())}.{base64url(payload)}"
    assert not believed(f"{said}.{base64url(signature(shop)(said.encode()))}")


@FUZZED
@given(st.data())
def test_no_other_character_anywhere_leaves_a_token_good(shop: Signer, data: st.DataObject) -> None:
    token = shop.token()
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda character: character != token[place]))
    assert not believed(token[:place] + other + token[place + 1 :])
