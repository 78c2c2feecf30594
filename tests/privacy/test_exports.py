"""`/api/v1/privacy/exports`: everything held on a user, made by a worker, handed out once."""

import io
import json
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from pytest_django import Settings

from leafloaf import settings as application
from leafloaf.access import encryption
from privacy import exporting, holders, subjects
from privacy.exporting import archive, french_files, making
from privacy.holders import NeedsAttention, NotNow
from privacy.models import DataExport, StaffAccess, Subject
from tests.access.signing import hs256
from tests.calls import Api
from tests.privacy.calls import problem
from tests.privacy.exported import HOLDERS, Box, Silent, Visits

pytestmark = pytest.mark.django_db
EXPORTS = "/api/v1/privacy/exports"
AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def boxes(settings: Settings) -> Iterator[None]:
    settings.DATA_HOLDERS = HOLDERS
    yield
    Box.rows.clear()
    Visits.rows.clear()
    Box.asked.clear()
    Silent.times = 0


def ask(api: Api, user_id: str = "user_1") -> Any:
    return api.post(EXPORTS, {}, **{"X-User-Id": user_id})


def look(api: Api, path: str, user_id: str = "user_1") -> Any:
    return api.get(path, **{"X-User-Id": user_id})


def ready(api: Api, user_id: str = "user_1") -> str:
    """The address of an export that was made."""
    address: str = ask(api, user_id).headers["Location"]
    assert exporting.make_due() == 1
    return address


def opened(answer: Any) -> zipfile.ZipFile:
    assert answer.status_code == 200, answer.content
    return zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))


def rows_of(zipped: zipfile.ZipFile, file: str) -> list[Any]:
    return [json.loads(line) for line in zipped.read(f"{file}.jsonl").decode().splitlines()]


def test_it_is_asked_for_followed_and_taken(secret: Api) -> None:
    Box.rows += [("events", {"query": "crème brûlée", "at": AT, "id": uuid4()}), ("more", {"n": 1})]
    asked = ask(secret)
    assert asked.status_code == 202
    address = asked.headers["Location"]
    assert address.endswith(f"{EXPORTS}/{asked.json()['id']}")
    assert (asked.json()["state"], list(asked.json()["links"])) == ("requested", ["self"])
    assert look(secret, address).json() == asked.json()
    assert exporting.make_due() == 1
    made = look(secret, address).json()
    assert (made["state"], made["links"]["download"]) == ("ready", f"{address}/download")
    taken = look(secret, made["links"]["download"])
    assert taken.headers["Content-Type"] == "application/zip"
    assert taken.headers["Content-Length"] == str(made["size"])
    assert "no-store" in taken.headers["Cache-Control"]
    zipped = opened(taken)
    assert zipped.testzip() is None
    assert rows_of(zipped, "events")[0]["query"] == "crème brûlée"
    assert rows_of(zipped, "copies") == [{"number": 1}, {"number": 2}]
    after = look(secret, address).json()
    assert (after["state"], list(after["links"])) == ("downloaded", ["self"])
    assert DataExport.objects.get().content is None


def test_nobody_keeps_the_answers(secret: Api) -> None:
    asked = ask(secret)
    for answer in (asked, look(secret, asked.headers["Location"])):
        assert answer.headers["Cache-Control"] == "no-store"


def test_the_holders_are_asked_for_the_person_and_for_the_visits_that_only_they_had(secret: Api) -> None:
    ready(secret)
    subject_id = Subject.objects.get().pk
    assert {(scope.subject_id, scope.sessions, scope.before) for scope in Box.asked} == {
        (subject_id, ("session_abc",), None)
    }


def test_an_export_under_way_or_ready_is_answered_again(secret: Api) -> None:
    first = ask(secret).json()["id"]
    assert ask(secret).json()["id"] == first
    exporting.make_due()
    assert ask(secret).json()["id"] == first
    look(secret, f"{EXPORTS}/{first}/download")
    assert ask(secret).json()["id"] != first


def test_it_can_be_downloaded_once(secret: Api) -> None:
    address = ready(secret)
    assert look(secret, f"{address}/download").status_code == 200
    again = look(secret, f"{address}/download")
    assert (again.status_code, again.json()["code"]) == (410, "gone")


def test_it_cannot_be_downloaded_before_it_is_ready(secret: Api) -> None:
    answer = look(secret, f"{ask(secret).headers['Location']}/download")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_ready")


def test_asking_for_the_headers_alone_takes_nothing(secret: Api) -> None:
    address = ready(secret)
    headers = {"Authorization": f"Bearer {secret.key}", "X-User-Id": "user_1"}
    assert secret.client.head(f"{address}/download", headers=headers).status_code == 405
    assert look(secret, f"{address}/download").status_code == 200


def test_its_day_ends_whether_or_not_it_was_emptied(secret: Api) -> None:
    address = ready(secret)
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=23, minutes=59), tick=False):
        assert exporting.expire() == 0
        assert look(secret, address).json()["state"] == "ready"
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=24, seconds=5), tick=False):
        assert look(secret, address).json()["state"] == "expired"
        assert look(secret, f"{address}/download").status_code == 410
        assert exporting.expire() == 1
        assert DataExport.objects.get().content is None
        assert ask(secret).json()["id"] not in address
    with time_machine.travel(datetime.now(UTC) + timedelta(days=31), tick=False):
        exporting.expire()
        assert look(secret, address).status_code == 404


def test_another_users_export_is_answered_like_none(secret: Api) -> None:
    address = ready(secret)
    subjects.resolve(["user_2"])
    unknown = f"{EXPORTS}/{uuid4()}"
    for user_id in ("user_2", "user_3"):
        for tail in ("", "/download"):
            theirs, none = look(secret, address + tail, user_id), look(secret, unknown + tail, user_id)
            assert theirs.status_code == none.status_code == 404
            assert problem(theirs) == problem(none)
    assert look(secret, f"{address}/download").status_code == 200


def test_a_user_token_is_enough_and_a_publishable_key_is_not(secret: Api, publishable: Api) -> None:
    token = Api(hs256().token(sub="user_9"), secret.client)
    address = token.post(EXPORTS, {}).headers["Location"]
    exporting.make_due()
    assert token.get(address).json()["state"] == "ready"
    assert look(secret, address).status_code == 404
    assert publishable.post(EXPORTS, {}).status_code == 403
    assert publishable.get(address).status_code == 403
    assert publishable.get(f"{address}/download").status_code == 403
    assert token.get(f"{address}/download").status_code == 200


def test_it_must_be_said_whose_and_nothing_else(secret: Api) -> None:
    assert secret.post(EXPORTS, {}).status_code == 422
    assert secret.get(f"{EXPORTS}/{uuid4()}").status_code == 422
    assert secret.post(EXPORTS, {"user_id": "user_1"}).status_code == 202
    assert secret.post(EXPORTS, {"user_id": "user_1", "all": True}).status_code == 422
    assert secret.get(f"{EXPORTS}/none", **{"X-User-Id": "user_1"}).status_code == 404


def test_who_is_being_erased_has_no_export(secret: Api) -> None:
    address = ready(secret)
    waiting = ask(secret, "user_2").headers["Location"]
    Subject.objects.update(state=Subject.State.FENCED)
    assert (ask(secret).status_code, ask(secret).json()["code"]) == (409, "being_erased")
    assert look(secret, address).status_code == look(secret, f"{address}/download").status_code == 404
    assert exporting.make_due() == 0
    Subject.objects.update(state=Subject.State.ACTIVE)  # cancelled
    assert exporting.make_due() == 1
    assert look(secret, waiting, "user_2").json()["state"] == "ready"


def test_a_person_fenced_while_the_worker_writes_gets_no_export(secret: Api) -> None:
    ask(secret)
    export = making.claim()
    assert export is not None
    Subject.objects.update(state=Subject.State.FENCED)
    assert making.make(export) is False
    with pytest.raises(making.Lost):
        making.settle(export, io.BytesIO(b"zip"))
    assert DataExport.objects.get().content is None


def test_who_was_never_seen_is_told_that_nothing_is_held(secret: Api, settings: Settings) -> None:
    settings.DATA_HOLDERS = {"box": HOLDERS["box"]}
    zipped = opened(look(secret, f"{ready(secret)}/download"))
    assert "Nothing is held on you" in zipped.read("README.txt").decode()
    assert "Rien n'est conservé sur vous" in zipped.read("README.fr.txt").decode()
    assert rows_of(zipped, "inferred/profile")[0]["status"] == "no_history"


def test_the_readme_explains_every_file_and_what_the_person_allows(secret: Api) -> None:
    Box.rows.append(("events", {"n": 1}))
    zipped = opened(look(secret, f"{ready(secret)}/download"))
    english, french = (zipped.read(path).decode() for path in ("README.txt", "README.fr.txt"))
    assert "events.jsonl, lines: 1\nWhat you did." in english
    assert "never: What there is none of." in english
    assert "copies.jsonl, lines: 2" in english
    assert "inferred/graph.jsonl, lines: 1" in english
    assert "Keep what I buy, to remind me and to suggest products. Yes." in english
    assert "Conserver mes achats, pour me faire des rappels et me suggérer des produits. Oui." in french
    assert "Nothing is held" not in english


def test_every_file_of_every_holder_is_explained_in_both_languages(settings: Settings) -> None:
    settings.DATA_HOLDERS = application.DATA_HOLDERS
    for name in settings.DATA_HOLDERS:
        files = holders.get(name).fields()
        assert all(text.strip().endswith(".") for text in files.values()), name
        assert files.keys() <= french_files.FILES.keys(), name


def test_what_is_inferred_is_what_the_profile_and_the_graph_answer(secret: Api) -> None:
    zipped = opened(look(secret, f"{ready(secret)}/download"))
    for name in ("profile", "graph"):
        answered = look(secret, f"/api/v1/{name}").json()
        assert answered.items() <= rows_of(zipped, f"inferred/{name}")[0].items()


def test_two_holders_may_call_a_file_the_same(secret: Api) -> None:
    Box.rows.append(("events", {"of": "the box"}))
    Visits.rows.append(("events", {"of": "the log"}))
    zipped = opened(look(secret, f"{ready(secret)}/download"))
    assert rows_of(zipped, "events") == [{"of": "the log"}]
    assert rows_of(zipped, "events-2") == [{"of": "the box"}]


def test_the_same_rows_give_the_same_bytes() -> None:
    def made() -> bytes:
        file = io.BytesIO()
        with archive.Archive(file, AT) as zipped:
            zipped.add([("a", {"n": number}) for number in range(1000)])
            zipped.text("README.txt", "é")
        return file.getvalue()

    assert made() == made()


def test_what_has_no_room_is_left_out_and_said() -> None:
    file = io.BytesIO()
    with archive.Archive(file, AT, most_bytes=archive.RESERVE + 200) as zipped:
        zipped.add([("a", {"text": str(uuid4())}) for _ in range(100_000)])
        zipped.text("README.txt", "é")
    assert zipped.rows["a"] + zipped.left_out["a"] == 100_000
    assert zipped.left_out["a"]
    assert len(file.getvalue()) < archive.RESERVE
    assert zipfile.ZipFile(file).testzip() is None


def test_a_store_that_does_not_answer_is_tried_again(secret: Api) -> None:
    Silent.times = 1
    address = ask(secret).headers["Location"]
    assert exporting.make_due() == 0
    export = DataExport.objects.get()
    assert (export.attempts, export.last_error, export.lease_token) == (1, "The store is away", None)
    assert look(secret, address).json()["state"] == "requested"
    assert exporting.make_due() == 0  # not before it has waited
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=20)):
        assert exporting.make_due() == 1
    zipped = opened(look(secret, f"{address}/download"))
    assert len(rows_of(zipped, "copies")) == 2
    assert "MISSING" not in zipped.read("README.txt").decode()


@pytest.mark.parametrize("failure", [NotNow, NeedsAttention])
def test_after_an_hour_it_is_made_without_the_store_and_says_so(
    secret: Api, failure: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Silent, "failure", failure)
    Silent.times = 100
    Box.rows.append(("events", {"n": 1}))
    address = ask(secret).headers["Location"]
    exporting.make_due()
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=61)):
        assert exporting.make_due() == 1
        zipped = opened(look(secret, f"{address}/download"))
    readme = zipped.read("README.txt").decode()
    assert "MISSING: Copies for analysis (bigquery)" in readme
    assert "The store is away" in readme
    assert rows_of(zipped, "events") == [{"n": 1}]


def test_the_wait_grows_and_ends(secret: Api) -> None:
    ask(secret)
    waits = []
    with time_machine.travel(datetime.now(UTC), tick=False):
        for attempts in (1, 2, 3, 20, 1000):
            DataExport.objects.update(attempts=attempts, lease_token=uuid4())
            export = DataExport.objects.get()
            making.postpone(export, NotNow(""))
            export.refresh_from_db()
            waits.append(round((export.available_at - datetime.now(UTC)).total_seconds()))
    assert waits == [15, 30, 60, 600, 600]


def test_an_export_of_a_worker_that_died_is_made_by_another(secret: Api) -> None:
    ask(secret)
    dead = making.claim()
    assert dead is not None
    assert exporting.make_due() == 0
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=11)):
        assert exporting.make_due() == 1
    with pytest.raises(making.Lost):  # it was only slow
        making.settle(dead, io.BytesIO(b"another zip"))
    assert DataExport.objects.get().size != len(b"another zip")


def test_what_is_stored_cannot_be_read_without_the_key_nor_as_another_export(
    secret: Api, settings: Settings
) -> None:
    Box.rows.append(("events", {"query": "hunter2"}))
    address = ready(secret)
    export = DataExport.objects.get()
    assert b"PK\x03\x04" not in bytes(export.content or b"")
    with pytest.raises(encryption.Unreadable):
        list(encryption.decrypt_chunks(bytes(export.content or b""), f"export {uuid4()}"))
    settings.SECRET_KEY = "another"
    assert look(secret, f"{address}/download").status_code == 410


@pytest.mark.parametrize(
    "size", [0, 1, encryption.CHUNK_BYTES - 1, encryption.CHUNK_BYTES, 2 * encryption.CHUNK_BYTES + 5]
)
def test_chunks_come_back_whole_and_in_order_or_not_at_all(size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    pieces = list(encryption.encrypt_chunks(io.BytesIO(content[:size]), "one"))
    assert b"".join(encryption.decrypt_chunks(b"".join(pieces), "one")) == content[:size]
    wrong = [pieces[:-1], pieces[::-1], pieces[1:], [*pieces, pieces[-1]]]
    for order in wrong:
        if order != pieces:
            with pytest.raises(encryption.Unreadable):
                list(encryption.decrypt_chunks(b"".join(order), "one"))


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("room")
def test_of_many_downloads_at_once_one_gets_it(secret: Api) -> None:
    address = ready(secret)

    def run(_: int) -> int:
        try:
            barrier.wait(30)
            return int(look(Api(secret.key, Client()), f"{address}/download").status_code)
        finally:
            connection.close()

    connection.close()
    barrier = Barrier(6)
    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(run, range(6))) == [200, *[410] * 5]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("room")
def test_of_many_that_ask_at_once_all_get_one_export(secret: Api) -> None:
    def run(_: int) -> str:
        try:
            barrier.wait(30)
            return str(ask(Api(secret.key, Client()), "new_user").json()["id"])
        finally:
            connection.close()

    connection.close()
    barrier = Barrier(6)
    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(run, range(6)))) == DataExport.objects.count() == 1


def test_the_commands_make_and_write_exports(secret: Api, tmp_path: Path) -> None:
    Box.rows.append(("events", {"n": 1}))
    ask(secret)
    said = StringIO()
    call_command("make_exports", stdout=said)
    assert "1 made, 0 expired" in said.getvalue()
    path = tmp_path / "export.zip"
    call_command("export_person", "user_1", str(path), reason="They wrote a letter", stdout=said)
    assert rows_of(zipfile.ZipFile(path), "events") == [{"n": 1}]
    assert path.stat().st_mode & 0o777 == 0o600
    access = StaffAccess.objects.get()
    assert (access.page, access.reason) == ("export", "They wrote a letter")
    assert "user_1" not in said.getvalue()
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("export_person", "user_1", str(path), reason="Again")
    with pytest.raises(CommandError, match="Nothing is held"):
        call_command("export_person", "user_2", str(path), reason="Who?")
    Silent.times = 1
    with pytest.raises(CommandError, match="does not answer"):
        call_command("export_person", "user_1", str(tmp_path / "other.zip"), reason="Again")
    assert not (tmp_path / "other.zip").exists()
