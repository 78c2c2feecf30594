from django.db import models


class BareEvent(models.Model):
    """A row of `bench.capture.bare.TABLE`."""

    event_id = models.CharField(max_length=64)
    event_type = models.CharField(max_length=32)
    subject_id = models.UUIDField(null=True)
    session_id = models.CharField(max_length=128, null=True)  # noqa: DJ001 (as in the log)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField(auto_now_add=True)
    payload = models.JSONField()
    schema_version = models.SmallIntegerField(default=1)

    class Meta:
        managed = False
        db_table = "bench_event"
        app_label = "plain"

    def __str__(self) -> str:
        return self.event_id
