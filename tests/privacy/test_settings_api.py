"""`GET, PATCH /api/v1/privacy/settings`."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st
from pytest_django import Settings

from privacy import consent
from privacy.models import Actor, ConsentRecord, PrivacySettings, Subject
from privacy.serializers import PrivacySettingsChangeSerializer
from tests.access.signing import hs256
from tests.calls import Api
from tests.privacy.calls import DEFAULTS, SETTINGS, get, patch

pytestmark = pytest.mark.django_db


def features(**changes: bool) -> dict[str, Any]:
    return DEFAULTS | {"features": DEFAULTS["features"] | changes}  # type: ignore[operator]


def pointers(answer: Any) -> list[tuple[str, str]]:
    """Where the problem is, and what; an answer that is no such problem fails."""
    assert answer.status_code == 422, answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    return [(error["pointer"], error["code"]) for error in answer.json()["errors"]]


def test_a_user_nobody_has_seen_has_the_defaults_and_stays_unseen(secret: Api) -> None:
    answer = get(secret)
    assert (answer.status_code, answer.json()) == (200, DEFAULTS)
    assert Subject.objects.count() == PrivacySettings.objects.count() == 0


def test_no_cache_keeps_the_answer(secret: Api) -> None:
    assert get(secret).headers["Cache-Control"] == "no-store"
    assert patch(secret, {}).headers["Cache-Control"] == "no-store"


def test_a_change_is_answered_and_is_there_for_the_next_request(secret: Api) -> None:
    expected = features(household_inference=True) | {"data_retention_days": 30}
    changed = patch(secret, {"data_retention_days": 30, "features": {"household_inference": True}})
    assert (changed.status_code, changed.json()) == (200, expected)
    assert get(secret).json() == expected
    assert get(secret, "user_2").json() == DEFAULTS


def test_what_is_not_named_stays_as_it_is(secret: Api) -> None:
    patch(secret, {"features": {"search_history": False}})
    patch(secret, {"features": {"price_tracking": True}})
    patch(secret, {"personalization_enabled": False})
    patch(secret, {"features": {}})
    assert get(secret).json() == features(search_history=False, price_tracking=True) | {
        "personalization_enabled": False
    }


def test_the_whole_answer_can_be_sent_back(secret: Api) -> None:
    whole = features(purchase_history=False) | {"data_retention_days": 1}
    assert patch(secret, whole).json() == whole
    assert patch(secret, get(secret).json()).json() == whole
    assert ConsentRecord.objects.count() == 2


def test_a_change_makes_the_user_a_subject_and_says_the_shop_made_it(secret: Api) -> None:
    patch(secret, {"features": {"search_history": False}})
    row = ConsentRecord.objects.get()
    assert (row.purpose, row.value_before, row.value_after, row.actor) == (
        "search_history",
        True,
        False,
        "shop",
    )
    assert row.subject == Subject.objects.get(user_id="user_1")


def test_the_user_may_be_named_in_the_body(secret: Api) -> None:
    assert (
        patch(secret, {"user_id": "user_1", "personalization_enabled": False}, user_id=None).status_code
        == 200
    )
    assert get(secret).json()["personalization_enabled"] is False
    two = patch(secret, {"user_id": "user_2", "personalization_enabled": True}, user_id="user_1")
    assert (two.status_code, two.json()["code"]) == (403, "user_not_allowed")


@pytest.mark.parametrize("user_id", ["zoé", "日本", "x" * 128, "'; DROP TABLE privacy_subject"])
def test_any_id_of_a_user_will_do(secret: Api, user_id: str) -> None:
    as_sent = user_id.encode().decode("latin-1")
    assert patch(secret, {"data_retention_days": 5}, as_sent).status_code == 200
    assert get(secret, as_sent).json()["data_retention_days"] == 5
    assert Subject.objects.get().user_id == user_id


def test_nobody_is_asked_to_say_who(secret: Api) -> None:
    for answer in (secret.get(SETTINGS), patch(secret, {}, user_id=None), get(secret, "")):
        assert pointers(answer) == [("/user_id", "required")]
        assert "X-User-Id" in answer.json()["detail"]
        assert "secret key" in answer.json()["detail"]


@pytest.mark.parametrize("user_id", ["olive@example.com", "x" * 129, "\xff"])
def test_an_id_that_is_none_is_refused(secret: Api, user_id: str) -> None:
    assert [pointer for pointer, _ in pointers(get(secret, user_id))] == ["/user_id"]
    assert [pointer for pointer, _ in pointers(patch(secret, {}, user_id))] == ["/user_id"]


def test_a_publishable_key_neither_sees_nor_changes_settings(publishable: Api) -> None:
    assert get(publishable).status_code == 403
    assert patch(publishable, {"personalization_enabled": False}).status_code == 403
    assert Subject.objects.count() == 0


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_only_get_and_patch_are_there(secret: Api, method: str) -> None:
    send = getattr(secret.client, method)
    assert send(SETTINGS, headers={"Authorization": f"Bearer {secret.key}"}).status_code == 405


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"personalisation_enabled": False}, [("/personalisation_enabled", "unknown_field")]),
        ({"features": {"searches": False}}, [("/features/searches", "unknown_field")]),
        ({"gpc": True}, [("/gpc", "unknown_field")]),
        ({"search_history": False}, [("/search_history", "unknown_field")]),
        ({"personalization_enabled": "false"}, [("/personalization_enabled", "invalid")]),
        ({"personalization_enabled": 0}, [("/personalization_enabled", "invalid")]),
        ({"personalization_enabled": []}, [("/personalization_enabled", "invalid")]),
        ({"personalization_enabled": None}, [("/personalization_enabled", "null")]),
        ({"data_retention_days": "30"}, [("/data_retention_days", "invalid")]),
        ({"data_retention_days": 30.5}, [("/data_retention_days", "invalid")]),
        ({"data_retention_days": True}, [("/data_retention_days", "invalid")]),
        ({"data_retention_days": 0}, [("/data_retention_days", "min_value")]),
        ({"data_retention_days": 91}, [("/data_retention_days", "max_value")]),
        ({"data_retention_days": 10**400}, [("/data_retention_days", "max_value")]),
        ({"features": {"search_history": "off"}}, [("/features/search_history", "invalid")]),
        ({"features": {"search_history": None}}, [("/features/search_history", "null")]),
        ({"features": None}, [("/features", "null")]),
        ({"features": []}, [("/features", "invalid")]),
        ({"features": "all"}, [("/features", "invalid")]),
        ({"user_id": ["user_1"]}, [("/user_id", "invalid")]),
        ([], [("", "invalid")]),
        ("no", [("", "invalid")]),
        (
            {"data_retention_days": 0, "features": {"price_tracking": 1, "search_history": "x"}},
            [
                ("/data_retention_days", "min_value"),
                ("/features/search_history", "invalid"),
                ("/features/price_tracking", "invalid"),
            ],
        ),
    ],
)
def test_what_cannot_be_meant_is_pointed_at_and_changes_nothing(
    secret: Api, body: Any, wrong: list[tuple[str, str]]
) -> None:
    assert pointers(patch(secret, body)) == wrong
    assert Subject.objects.count() == 0


def test_one_wrong_field_stops_the_right_ones_too(secret: Api) -> None:
    pointers(patch(secret, {"personalization_enabled": False, "features": {"price_tracking": "yes"}}))
    assert get(secret).json() == DEFAULTS


def test_what_is_no_json_is_said_to_be_none(secret: Api) -> None:
    assert patch(secret, b"{").status_code == 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMED = st.dictionaries(
    st.sampled_from(["personalization_enabled", "data_retention_days", "features", "gpc"]),
    JSON | st.dictionaries(st.sampled_from(list(consent.PURPOSES)), JSON),
)


@tried(deadline=None)
@given(JSON | NAMED)
def test_whatever_passes_is_a_change_of_consent(body: Any) -> None:
    asked = PrivacySettingsChangeSerializer(data=body, partial=True)
    if not asked.is_valid():
        return
    for name, value in asked.validated_data.items():
        assert type(value) is type(getattr(consent.DEFAULTS, name))
    assert 1 <= asked.validated_data.get("data_retention_days", 1) <= 90


def test_global_privacy_control_is_shown_and_changes_nothing(secret: Api) -> None:
    assert get(secret, **{"Sec-GPC": "1"}).json() == DEFAULTS | {"gpc": True}
    changed = patch(secret, {"data_retention_days": 30}, **{"Sec-GPC": "1"})
    assert changed.json() == DEFAULTS | {"data_retention_days": 30, "gpc": True}
    assert get(secret).json() == DEFAULTS | {"data_retention_days": 30}


@pytest.mark.parametrize("value", ["", "0", "2", "true", "1, 1", "11"])
def test_only_1_means_global_privacy_control(secret: Api, value: str) -> None:
    assert get(secret, **{"Sec-GPC": value}).json() == DEFAULTS


@pytest.mark.django_db(transaction=True)
def test_a_listener_that_fails_leaves_nothing_behind(
    secret: Api, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.PRIVACY_LISTENERS = ["tests.privacy.example.refusing"]
    answer = patch(secret, {"personalization_enabled": False})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "user_1" not in caplog.text
    assert Subject.objects.count() == ConsentRecord.objects.count() == PrivacySettings.objects.count() == 0


def test_a_record_tells_who_made_the_change(secret: Api) -> None:
    patch(secret, {"data_retention_days": 30})
    token = Api(hs256().token(sub="user_123"), secret.client)
    answer = token.client.patch(
        "/api/v1/privacy/settings",
        {"data_retention_days": 20},
        content_type="application/json",
        headers={"Authorization": f"Bearer {token.key}"},
    )
    assert answer.status_code == 200, answer.content
    assert [record.actor for record in ConsentRecord.objects.order_by("id")] == [Actor.SHOP, Actor.USER]
