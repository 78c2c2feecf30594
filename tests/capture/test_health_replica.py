"""Health of a shop that has no replica of its database; tests/catalog/replica has one."""

import pytest
from django.test import Client

from capture import health, health_replica, notices
from capture.models import Reading


@pytest.mark.django_db
def test_without_one_nothing_is_said_of_it() -> None:
    notices.replace(health_replica.KIND, ["There was one yesterday."])
    health.take_readings()
    found = Client().get("/health").json()
    assert list(found) == [
        "status",
        "data_capture",
        "log",
        "database",
        "worker",
        "read_at",
        "notices",
    ]
    assert found["notices"] == []
    assert not Reading.objects.filter(sink=health_replica.NAME).exists()
