"""The database after a test whose transactions were real: as `flush` leaves it, at a tenth of the cost."""

import json

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection

from capture import ingest, partitions
from leafloaf.access import audit
from leafloaf.catalog import loading
from tests import emptying
from tests.calls import search

pytestmark = pytest.mark.django_db(transaction=True)


def rows() -> dict[str, int]:
    """How many each table holds, partitions and tables without a model included."""
    with connection.cursor() as cursor:
        tables = [table.name for table in emptying._tables(cursor)]
        counted = {}
        for name in tables:
            cursor.execute(f"SELECT count(*) FROM {name}")
            counted[name] = cursor.fetchone()[0]
    return counted


def flushed() -> dict[str, int]:
    call_command("flush", verbosity=0, interactive=False, reset_sequences=False)
    return rows()


def filled() -> None:
    """Events in a partition, rows that refer to each other, tables filled by triggers, and rows no trigger lets go."""
    partitions.ensure()
    ingest.accept([json.dumps(search(user_id="user_1")).encode()])
    loading.load(["sku,name,brand,category,price", "sku-1,Oat milk,Oatly,Dairy,1.50"])
    User.objects.create(username="olive").groups.add(Group.objects.create(name="Guests"))
    audit.record("olive", "look", "at nothing")


def test_it_is_what_a_flush_leaves() -> None:
    emptying.empty()
    filled()
    emptying.empty()
    left = rows()
    assert left == flushed()
    assert left["capture_event_default"] == left["catalog_posting"] == left["access_auditentry"] == 0
    assert left["auth_permission"] > 0


def test_what_applications_furnish_is_furnished_again() -> None:
    emptying.empty()
    expected = rows()
    Permission.objects.first().delete()  # type: ignore[union-attr]
    ContentType.objects.create(app_label="nowhere", model="nothing")
    emptying.empty()
    assert rows() == expected


def test_what_an_emptied_table_leaves_to_its_triggers_goes_too() -> None:
    """The words of a product that was deleted stand in a table without a model."""
    emptying.empty()
    filled()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM catalog_offer")
        cursor.execute("DELETE FROM catalog_productsearch")
        cursor.execute("DELETE FROM catalog_product")
    assert rows()["catalog_word"] > 0
    emptying.empty()
    assert rows() == flushed()
