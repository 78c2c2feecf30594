"""Whatever staff can do to the data or its flow leaves an entry in the audit.

Each button of a dashboard, action of a list, form and command is named here; one that is new fails until it is, with an
act that shows its entry or the reason why it needs none.
"""

import importlib
import io
import pkgutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import Settings

from capture import dashboard as backends
from capture.models import Sink
from leafloaf.access import audit_admin, keys, token_keys
from leafloaf.access.models import ApiClient, AuditEntry, TokenKey
from leafloaf.catalog.models import MerchandisingRule, Synonym
from leafloaf.staff import dashboards
from privacy import deletions_dashboard, subjects
from privacy.erasure import machine, requests
from privacy.holders import NotNow
from privacy.models import Actor, DeletionStep
from tests.access.signing import hs256
from tests.capture import outbox_rows as rows
from tests.privacy.shelf import HOLDERS, Shelf

TESTS = Path(__file__).parents[1]
BACKENDS = "/admin/dashboards/backend-health/"
DELETIONS = "/admin/dashboards/deletion-requests/"


@pytest.fixture
def boss(db: None) -> Client:
    """Who may do everything, and so whose acts are to be kept most of all."""
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    return client


def entries() -> list[tuple[str, str]]:
    """Who did what, oldest first, but for what the fixtures made."""
    made = AuditEntry.objects.exclude(actor="create_api_client", action="add API client")
    return list(made.order_by("id").values_list("actor", "action"))


# Buttons of dashboards


def test_only_these_dashboards_have_buttons() -> None:
    acting = {type(one).__name__ for one in dashboards.configured() if isinstance(one, dashboards.Acts)}
    assert acting == {"BackendHealth", "DeletionRequests"}


SINK_ACTS = {
    "pause": "pause sink",
    "resume": "resume sink",
    "off": "switch sink off",
    "on": "switch sink on",
    "back-fill": "back-fill sink",
    "test": "test connection",
    "replay": "replay dead letters",
}


def test_every_button_of_a_sink_is_tried_below() -> None:
    assert set(backends.ACTS) == set(SINK_ACTS)


@pytest.mark.parametrize("act", SINK_ACTS)
def test_what_is_done_to_a_sink_is_in_the_audit(boss: Client, settings: Settings, act: str) -> None:
    settings.SINKS = rows.configured(redis=True, bigquery=True)
    Sink.objects.create(name="bigquery")
    letter = rows.dead_letter(rows.batch("bigquery", 1, datetime.now(UTC)), "e-1", "no such field")
    asked = {"sink": "bigquery", "act": act, "because": "a move", "newest": letter.pk}
    assert boss.post(BACKENDS, asked).status_code == 302
    assert entries() == [("boss", SINK_ACTS[act])]


DELETION_ACTS = {
    "ask": "ask for an erasure",
    "approve": "approve an erasure",
    "cancel": "cancel an erasure",
    "expedite": "expedite an erasure",
    "let_go_on": "let an erasure go on",
    "retry": "retry an erasure",
    "hold": "hold an erasure",
    "release": "release an erasure",
    "give_up": "give up a store in an erasure",
}


def test_every_button_of_a_deletion_request_is_tried_below() -> None:
    assert set(deletions_dashboard.ACTS) == set(DELETION_ACTS)


@pytest.fixture
def shelf(settings: Settings, transactional_db: None) -> Iterator[None]:
    settings.DATA_HOLDERS = HOLDERS
    Shelf.clear()
    yield
    Shelf.clear()


@pytest.mark.parametrize("act", DELETION_ACTS)
def test_what_is_done_to_a_deletion_request_is_in_the_audit(
    shelf: None, boss: Client, settings: Settings, act: str
) -> None:
    """Each act on a request that is as far as the act needs it to be."""
    subject_id = subjects.resolve(["user-of-the-shop-77"])["user-of-the-shop-77"]
    Shelf.rows[str(subject_id)] = 0 if act == "let_go_on" else 3
    asked: dict[str, Any] = {"act": act, "because": "by letter"}
    if act == "ask":
        asked["user_id"] = "user-of-the-shop-77"
    elif act == "approve":
        asked["request"] = requests.ask_on_behalf("user-of-the-shop-77", "kim", "by letter").pk
    else:
        hours = 24 if act in ("cancel", "expedite") else 0
        asked["request"] = requests.open_for("user-of-the-shop-77", Actor.USER, timedelta(hours=hours)).pk
    if act in ("retry", "hold", "release", "give_up"):
        Shelf.failures.append(NotNow("away"))
    if act not in ("ask", "approve", "cancel", "expedite"):
        machine.advance_all()
        asked["step"] = DeletionStep.objects.get(holder="shelf").pk
    if act == "release":
        requests.hold(asked["step"], "kim", "court order 7")
    if act == "give_up":
        settings.DATA_HOLDERS = {name: path for name, path in HOLDERS.items() if name != "shelf"}
    before = entries()
    assert boss.post(DELETIONS, asked).status_code == 302
    assert entries()[len(before) :] == [("boss", DELETION_ACTS[act])]


# Lists and forms of the admin

ACTIONS = {
    "access.ApiClient": {"revoke"},
    "access.TokenKey": {"revoke"},
    "capture.DeadLetter": {"replay", "discard"},
    "staff.FailedSignIn": {"unlock"},
    "staff.Authenticator": {"reset"},
}
AUDITED_FORMS = {
    "access.ApiClient",
    "access.TokenKey",
    "catalog.Synonym",
    "catalog.MerchandisingRule",
}
# Of these only the admin's own history tells.
HISTORY_ONLY = {
    "auth.User",
    "auth.Group",
    "catalog.Brand",
    "catalog.Category",
    "catalog.Product",
    "catalog.Supplier",
}


def registered() -> Iterator[tuple[str, Any, Any]]:
    request = RequestFactory().get("/admin/")
    request.user = User(username="boss", is_superuser=True, is_staff=True, is_active=True)
    for model, found in admin.site._registry.items():
        yield model._meta.label, found, request


def test_only_these_lists_have_actions() -> None:
    acting = {
        label: names
        for label, found, request in registered()
        if (names := set(found.get_actions(request)) - {"delete_selected"})
    }
    assert acting == ACTIONS


def test_only_these_rows_are_added_or_changed_by_forms() -> None:
    changing = {
        label
        for label, found, request in registered()
        if found.has_add_permission(request)
        or found.has_change_permission(request)
        or found.has_delete_permission(request)
    }
    assert changing == AUDITED_FORMS | HISTORY_ONLY


def test_what_is_done_to_keys_is_in_the_audit(boss: Client) -> None:
    new = {"name": "Shop", "kind": "secret", "scopes": ["search"]}
    boss.post(reverse("admin:access_apiclient_add"), new)
    client = ApiClient.objects.get()
    boss.post(reverse("admin:access_apiclient_change", args=[client.pk]), {"scopes": ["events"]})
    boss.post(reverse("admin:access_apiclient_rotate", args=[client.pk]), {"overlap": "1d"})
    key = client.keys.earliest("created_at")
    boss.post(reverse("admin:access_apiclient_revoke", args=[client.pk]), {"what": key.pk})
    boss.post(
        reverse("admin:access_apiclient_changelist"), {"action": "revoke", "_selected_action": [client.pk]}
    )
    boss.post(reverse("admin:access_apiclient_delete", args=[client.pk]), {"post": "yes"})
    hs256()
    chosen = {"action": "revoke", "_selected_action": [TokenKey.objects.get().pk]}
    boss.post(reverse("admin:access_tokenkey_changelist"), chosen)
    assert [action for actor, action in entries() if actor == "boss"] == [
        "add API client",
        "change API client",
        "rotate API key",
        "revoke API key",
        "revoke API client",
        "delete API client",
        "revoke token key",
    ]


@pytest.mark.parametrize("act", ["replay", "discard"])
def test_what_is_done_to_dead_letters_is_in_the_audit(boss: Client, settings: Settings, act: str) -> None:
    settings.SINKS = rows.configured(bigquery=True)
    letter = rows.dead_letter(rows.batch("bigquery", 1, datetime.now(UTC)), "e-1", "no such field")
    asked = {"action": act, "_selected_action": [letter.pk], "newest": letter.pk, "because": "too old"}
    boss.post(reverse("admin:capture_deadletter_changelist"), asked)
    assert entries() == [("boss", f"{act} dead letters")]


@pytest.mark.parametrize("model", [Synonym, MerchandisingRule])
def test_what_is_done_to_merchandising_is_in_the_audit(boss: Client, model: Any) -> None:
    """How each is added and changed is tested where it lives; here, that nothing goes unseen."""
    values: dict[str, Any] = {"term": "soda", "replacements": ["pop"]}
    if model is MerchandisingRule:
        values = {"name": "Milk first", "action": "boost", "query": "milk", "factor": 2}
    row = model.objects.create(**values)
    boss.post(reverse(f"admin:catalog_{model._meta.model_name}_delete", args=[row.pk]), {"post": "yes"})
    assert [actor for actor, _ in entries()] == ["boss"]


# Commands

# Each of these is audited; where it is not tried below, the test that shows it is named.
AUDITED_COMMANDS = {
    "create_api_client": "",
    "create_token_key": "",
    "dead_letters": "",
    "export_training_data": "storefront/test_training_targets.py",
    "outbox_rebase": "capture/test_rebase.py",
    "prune_events": "capture/test_retention.py",
    "reconcile": "capture/test_reconcile.py",
    "reset_second_factor": "staff/signing_in",
    "revoke_api_key": "",
    "rotate_api_key": "",
    "rotate_certificate_key": "",
    "sink": "",
    "use_predictions": "personalization/test_learned.py",
}
# The person sees each look at them, on their own page.
SEEN_BY_THE_PERSON = {"export_person"}
# What the schedule or the workflow does anyway, whoever starts it.
SCHEDULED = {
    "admit_waiting",
    "advance_deletions",
    "check_schema",
    "close_ledger",
    "count_aggregates",
    "count_baskets",
    "count_privacy",
    "count_recommendations",
    "count_searches",
    "count_volumes",
    "drain",
    "embed_catalogue",
    "enforce_retention",
    "fit_predictions",
    "draw_graph",
    "forget_old_signals",
    "group_meals",
    "make_exports",
    "make_partitions",
    "predict_baskets",
    "predict_complements",
    "predict_reorders",
    "prune_lookups",
    "prune_recommendations",
    "prune_sign_ins",
    "prune_throttles",
    "rebuild_search",
    "refresh_search",
    "take_readings",
    "test_connections",
}
# What sets the shop up before there is anything, or only reads.
SETS_UP_OR_READS = {
    "load_catalogue",
    "load_demo",
    "migrate",
    "protect_audit",
    "release_javascript_client",
    "replay_orders",
    "setup_bigquery",
    "setup_pubsub",
    "setup_spanner",
    "setup_cloud_storage",
    "verify_certificate",
    "write_reference",
}


def test_every_command_is_audited_or_needs_no_entry() -> None:
    apps = [name for name in django_settings.INSTALLED_APPS if not name.startswith("django")]
    found: set[str] = set()
    for name in apps:
        package = importlib.import_module(name.partition(".apps.")[0])
        folder = Path(str(package.__file__)).parent / "management" / "commands"
        if folder.is_relative_to(TESTS.parent) and ".venv" not in folder.parts:
            found |= {module.name for module in pkgutil.iter_modules([str(folder)])}
    assert found == set(AUDITED_COMMANDS) | SEEN_BY_THE_PERSON | SCHEDULED | SETS_UP_OR_READS


@pytest.mark.parametrize("place", sorted(filter(None, AUDITED_COMMANDS.values())))
def test_where_a_command_is_tested_its_entry_is(place: str) -> None:
    found = TESTS / place
    files = [found] if found.is_file() else list(found.glob("test_*.py"))
    assert any("AuditEntry" in file.read_text() for file in files)


def run(name: str, *arguments: str) -> str:
    out = io.StringIO()
    call_command(name, *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


@pytest.mark.django_db
def test_what_commands_do_to_keys_is_in_the_audit() -> None:
    run("create_api_client", "Shop", "--kind", "secret")
    run("rotate_api_key", "Shop")
    run("revoke_api_key", "Shop", "--key", ApiClient.objects.get().keys.latest("id").lookup)
    run("revoke_api_key", "Shop")
    run("create_token_key", "Shop", "--algorithm", "HS256")
    run("rotate_certificate_key")
    assert list(AuditEntry.objects.order_by("id").values_list("actor", "action")) == [
        ("create_api_client", "add API client"),
        ("rotate_api_key", "rotate API key"),
        ("revoke_api_key", "revoke API key"),
        ("revoke_api_key", "revoke API client"),
        ("create_token_key", "add token key"),
        ("rotate_certificate_key", "rotate certificate key"),
    ]


@pytest.mark.django_db
def test_what_commands_do_to_the_flow_is_in_the_audit(settings: Settings) -> None:
    settings.SINKS = rows.configured(bigquery=True)
    batch = rows.batch("bigquery", 1, datetime.now(UTC))
    for act in ("pause", "resume", "off", "on", "back-fill"):
        run("sink", act, "bigquery")
    for number, act in enumerate(("replay", "discard")):
        rows.dead_letter(batch, f"e-{number}", "no such field")
        run("dead_letters", act, "--sink", "bigquery", "--because", "too old")
    assert [action for _, action in entries()] == [
        "pause sink",
        "resume sink",
        "switch sink off",
        "switch sink on",
        "back-fill sink",
        "replay dead letters",
        "discard dead letters",
    ]


# And no further


@pytest.mark.django_db
def test_the_audit_page_offers_every_action_that_there_is(boss: Client) -> None:
    keys.create("Shop", ApiClient.Kind.SECRET)
    token_keys.add(TokenKey(name="Shop", algorithm="HS256"), by="boss")
    offered = audit_admin.ActionFilter.lookups(None, None, None)  # type: ignore[arg-type]
    assert [action for action, _ in offered] == ["add API client", "add token key"]
