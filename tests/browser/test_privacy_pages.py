"""The person's pages in a real browser: by keyboard alone, in both languages, light, dark, wide, narrow, on paper."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django import Settings

from privacy import consent, exporting, links, subjects
from privacy.erasure import requests
from privacy.models import Actor, Certificate, DeletionRequest, DeletionStep, StaffAccess, Subject
from tests.browser import accessibility
from tests.browser.conftest import Visit, note

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGES = ("", "settings", "choices", "accesses", "export", "deletion")
STATES = DeletionRequest.State
Begin = Callable[..., Visit]


@pytest.fixture(autouse=True)
def only_postgres(settings: Settings) -> None:
    """What the other stores do has tests of its own."""
    settings.DATA_HOLDERS = {"privacy": "privacy.own_holder.PrivacyHolder"}


@pytest.fixture
def person(browser: Browser, live_server: object) -> Iterator[Begin]:
    """`person(width=320, scheme="dark", language="fr")`: a browser without JavaScript of the page's own, and with the
    policy that the pages themselves send."""
    contexts = []

    def begin(width: int = 1280, scheme: str = "light", language: str = "en", **more: Any) -> Visit:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if scheme == "dark" else "light",
            locale=f"{language}-CA",
            **more,
        )
        contexts.append(context)
        visit = Visit(context.new_page(), str(live_server))
        visit.page.on("console", lambda message: note(message, visit.errors))
        visit.page.on("pageerror", lambda error: visit.errors.append(str(error)))
        return visit

    yield begin
    for context in contexts:
        context.close()


def enter(visit: Visit, user_id: str = "user_1") -> Visit:
    token, _ = links.make(user_id)
    visit.open(f"/privacy/enter/{token}")
    visit.page.locator("main button").press("Enter")
    expect(visit.page.locator("header form")).to_be_visible()
    return visit


def a_life(user_id: str = "user_1") -> Subject:
    """Somebody who chose, was looked at, and asked for their data."""
    subject_id = subjects.resolve([user_id])[user_id]
    consent.change(subject_id, {"search_history": False, "data_retention_days": 30}, Actor.USER)
    consent.change(subject_id, {"price_tracking": True}, Actor.SHOP)
    User.objects.create_user("olive")
    for reason in ("You wrote that an order was wrong.", "Complaint 2026-17"):
        StaffAccess.objects.create(subject_id=subject_id, actor="olive", page="Profile", reason=reason)
    exporting.ask(user_id)
    exporting.make_due()
    return Subject.objects.get(pk=subject_id)


def at_work(request: DeletionRequest) -> None:
    """In the middle of it: one store of each kind."""
    now = timezone.now()
    rows: dict[str, dict[str, Any]] = {
        "postgres": {"state": "absent", "planned": 12345, "purged_at": now, "verified_at": now},
        "redis": {"state": "purged", "planned": 17, "purged_at": now},
        "bigquery": {"state": "settling", "residual_until": now + timedelta(days=7)},
        "cloud_storage": {"state": "waiting", "held_at": now, "held_by": "olive", "held_reason": "A case"},
    }
    for phase, (store, fields) in enumerate(rows.items()):
        DeletionStep.objects.create(request=request, holder=store, store=store, phase=phase, **fields)
    request.state, request.purge_started_at = STATES.SETTLING, now
    request.save()


def certified(request: DeletionRequest) -> None:
    now = timezone.now()
    for phase, store in enumerate(("postgres", "redis", "cloud_storage")):
        absent = {"state": "absent", "presence": "absent", "purged_at": now, "verified_at": now}
        DeletionStep.objects.create(
            request=request, holder=store, store=store, phase=phase, planned=7, **absent
        )
    request.state, request.verified_at, request.ended_at = STATES.CERTIFIED, now, now
    request.save()
    Certificate.objects.create(request=request, document="{}", signature="s", kid="key-1")


def is_fine(visit: Visit) -> None:
    assert accessibility.complaints(visit.page) == []
    assert accessibility.own_complaints(visit.page) == []
    assert visit.overflow() <= 0
    assert visit.errors == []


@pytest.mark.parametrize(
    ("width", "scheme", "language"),
    [
        (1280, "light", "en"),
        (400, "dark", "fr"),
        (320, "light", "fr"),
        (1280, "dark", "en"),
        pytest.param(1280, "light", "fr", marks=pytest.mark.slow),
        pytest.param(400, "dark", "en", marks=pytest.mark.slow),
        pytest.param(320, "light", "en", marks=pytest.mark.slow),
        pytest.param(1280, "dark", "fr", marks=pytest.mark.slow),
    ],
)
def test_every_page_is_accessible_fits_and_leaves_the_console_quiet(
    person: Begin, width: int, scheme: str, language: str
) -> None:
    a_life()
    visit = person(width, scheme, language)
    visit.open("/privacy/")
    is_fine(visit)
    visit.photograph(f"h-closed-{scheme}-{width}-{language}")
    token, _ = links.make("user_1")
    visit.open(f"/privacy/enter/{token}")
    is_fine(visit)
    visit.photograph(f"h-enter-{scheme}-{width}-{language}")
    enter(visit)
    for name in PAGES:
        visit.open(f"/privacy/{name}")
        is_fine(visit)
        expect(visit.page.locator("html")).to_have_attribute("lang", language)
        visit.photograph(f"h-{name or 'home'}-{scheme}-{width}-{language}")


@pytest.mark.parametrize(
    ("width", "scheme", "language"),
    [
        (1280, "light", "en"),
        (320, "dark", "fr"),
        pytest.param(1280, "light", "fr", marks=pytest.mark.slow),
        pytest.param(320, "dark", "en", marks=pytest.mark.slow),
    ],
)
def test_a_deletion_is_accessible_from_its_wait_to_its_certificate(
    person: Begin, width: int, scheme: str, language: str
) -> None:
    visit = enter(person(width, scheme, language))
    request = requests.open_for("user_1", Actor.USER)
    for name, go_on in (("waiting", None), ("working", at_work), ("certified", certified)):
        if go_on:
            request.steps.all().delete()
            go_on(request)
        visit.open("/privacy/deletion")
        is_fine(visit)
        visit.photograph(f"h-{name}-{scheme}-{width}-{language}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_mistakes_are_listed_focused_and_lead_to_their_fields(person: Begin, scheme: str) -> None:
    visit = enter(person(400, scheme))
    page = visit.page
    for name, field in (("settings", "#id_data_retention_days"), ("deletion", "#id_sure")):
        visit.open(f"/privacy/{name}")
        if name == "settings":
            page.locator(field).fill("400")
        page.locator("main form button").click()
        expect(page).to_have_title(re.compile("^Error: "))
        expect(page.get_by_role("alert")).to_be_focused()
        assert accessibility.complaints(page) == []
        assert accessibility.own_complaints(page) == []
        assert visit.overflow() <= 0
        visit.photograph(f"h-error-{name}-{scheme}")
        page.get_by_role("alert").get_by_role("link").press("Enter")
        expect(page.locator(field)).to_be_focused()


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_control_is_reached_by_tab_and_seen_to_have_the_focus(
    person: Begin, name: str, scheme: str
) -> None:
    visit = enter(person(400, scheme))
    visit.open(f"/privacy/{name}")
    stops = accessibility.tab_through(visit.page)
    assert stops[0]["tag"] == "A"
    assert 'class="skip"' in stops[0]["name"]
    assert len({stop["name"] for stop in stops}) >= len(stops) - 1
    for stop in stops:
        assert stop["style"] == "solid", stop
        assert stop["width"] >= 2, stop
        assert stop["seen"], stop


def tab_to(page: Page, name: str) -> None:
    """The focus on the control of this name, as somebody without a mouse gets it there."""
    wanted = page.get_by_role("link", name=name).or_(page.get_by_role("button", name=name))
    wanted = wanted.or_(page.get_by_label(name)).first
    expect(wanted).to_be_visible()
    page.evaluate("() => document.activeElement.blur()")
    for _ in range(60):
        page.keyboard.press("Tab")
        if wanted.evaluate("one => one === document.activeElement"):
            return
    raise AssertionError(f"{name} cannot be reached by Tab.")


def follow(page: Page, name: str) -> None:
    tab_to(page, name)
    page.keyboard.press("Enter")
    page.wait_for_load_state()


@pytest.mark.parametrize("has_scripts", [True, False])
def test_the_whole_way_can_be_gone_by_keyboard_with_and_without_scripts(
    person: Begin, has_scripts: bool
) -> None:
    visit = person(java_script_enabled=has_scripts)
    page = visit.page
    token, _ = links.make("user_1")
    visit.open(f"/privacy/enter/{token}")
    if has_scripts:
        follow(page, "Open my privacy page")
    else:
        page.locator("main button").press("Enter")
    expect(page).to_have_url(re.compile("/privacy/$"))
    steps: list[tuple[str, str]] = [
        ("Change your settings", "Your settings"),
        ("Your data", "Take your data with you"),
        ("Ask for my data", "Your file is being made."),
        ("Deletion", "Have your data erased"),
    ]
    for name, seen in steps:
        press(page, name, has_scripts)
        expect(page.get_by_text(seen).first).to_be_visible()
    sure = page.get_by_label("I understand")
    if has_scripts:
        tab_to(page, "I understand")
        page.keyboard.press("Space")
    else:
        sure.press("Space")
    expect(sure).to_be_checked()
    for name, seen in (
        ("Erase everything about me", "Your wish is on record."),
        ("Call it off", "Called off. Everything is as it was."),
        ("Who looked", "Who looked at your data"),
        ("Français", "Qui a consulté vos données"),
        ("English", "Who looked at your data"),
        ("Sign out", "You are signed out"),
    ):
        press(page, name, has_scripts)
        expect(page.get_by_text(seen).first).to_be_visible()
    assert DeletionRequest.objects.get().state == STATES.CANCELLED
    assert visit.errors == []


def press(page: Page, name: str, has_scripts: bool) -> None:
    """Without scripts nobody can ask what has the focus; the key is pressed all the same."""
    if has_scripts:
        follow(page, name)
        return
    role = page.get_by_role("link", name=name, exact=True).or_(
        page.get_by_role("button", name=name, exact=True)
    )
    role.first.press("Enter")
    page.wait_for_load_state()


def test_settings_saved_by_keyboard_are_in_force(person: Begin) -> None:
    visit = enter(person())
    page = visit.page
    visit.open("/privacy/settings")
    tab_to(page, "Keep what I search for.")
    page.keyboard.press("Space")
    tab_to(page, "Keep what I do here")
    page.keyboard.press("Control+a")
    page.keyboard.type("14")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Saved. Your settings are in force now.")
    now = consent.of_user("user_1")
    assert (now.search_history, now.data_retention_days) == (False, 14)


def test_the_skip_link_leads_past_the_navigation(person: Begin) -> None:
    visit = enter(person())
    visit.page.keyboard.press("Tab")
    expect(visit.page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    visit.page.keyboard.press("Enter")
    visit.page.keyboard.press("Tab")
    expect(visit.page.get_by_role("link", name="Change your settings")).to_be_focused()


def test_a_file_is_downloaded_once(person: Begin) -> None:
    a_life()
    visit = enter(person())
    visit.open("/privacy/export")
    button = visit.page.get_by_role("button", name="Download my data (zip)")
    with visit.page.expect_download() as download:
        button.click()
    assert download.value.suggested_filename == "leafloaf-export.zip"
    button.click()
    expect(visit.page.get_by_role("status")).to_contain_text("cannot be downloaded any more")


def test_a_page_on_paper_has_its_content_and_no_controls(person: Begin) -> None:
    visit = enter(person())
    request = requests.open_for("user_1", Actor.USER)
    at_work(request)
    visit.open("/privacy/deletion")
    visit.page.emulate_media(media="print")
    expect(visit.page.get_by_text("The shop's database")).to_be_visible()
    expect(visit.page.get_by_role("button").first).to_be_hidden()
    visit.photograph("h-print")


def test_text_spaced_as_readers_need_it_is_not_cut_off(person: Begin) -> None:
    """WCAG 1.4.12; and text of twice the size, 1.4.4."""
    visit = enter(person(400))
    spaced = (
        "* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important } "
        "p { margin-bottom: 2em !important } html { font-size: 200% !important }"
    )
    for name in PAGES:
        visit.open(f"/privacy/{name}")
        visit.page.evaluate(
            "css => { const sheet = new CSSStyleSheet(); sheet.replaceSync(css); "
            "document.adoptedStyleSheets = [sheet] }",
            spaced,
        )
        assert visit.overflow() <= 0, name
