"""The rows of capture: the log, and what is owed to each sink.

The log is append-only and knows nobody but a pseudonym: no foreign keys, for events outlive users and products.
Positions in the log are pairs `(xid, id)`: the transaction that wrote the event, then the event. A sequence
alone would order events by when they asked for a number, not by when they became visible, and lose some.
"""

from datetime import date, timedelta
from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Now


class XidField(models.BigIntegerField[int, int]):
    """Postgres' `xid8`: a 64-bit transaction id, read as an int."""

    def db_type(self, connection: Any) -> str:
        return "xid8"

    def from_db_value(self, value: str | int | None, *_: Any) -> int | None:
        return None if value is None else int(value)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return (
            None if value is None else str(value)
        )  # there is no cast from bigint to xid8, but one from text


class Event(models.Model):
    """One immutable fact, in a table partitioned by UTC day of `received_at`.

    The table's real primary key is `(xid, id, received_at)`, the order in which it is read; a unique constraint must
    contain the partition key, so idempotency hangs on `EventKey`.
    """

    id = models.BigAutoField(primary_key=True)
    xid = XidField()
    event_id = models.CharField(max_length=64)
    event_type = models.CharField(max_length=32)
    subject_id = models.UUIDField(null=True)
    session_id = models.CharField(max_length=128, null=True)  # noqa: DJ001 (null is BigQuery's null)
    occurred_at = models.DateTimeField(help_text="When it happened, by the client's corrected clock.")
    received_at = models.DateTimeField(
        help_text="When it arrived, by the server's clock; picks the partition."
    )
    payload = models.JSONField()
    schema_version = models.SmallIntegerField()

    class Meta:
        verbose_name = "event"

    def __str__(self) -> str:
        return f"{self.event_type} {self.event_id}"


class EventKey(models.Model):
    """Which event ids are taken, and by which body: exact idempotency, across midnight too."""

    key = models.UUIDField(primary_key=True, help_text="`capture.event_keys` says which for which event id.")
    digest = models.UUIDField(help_text="Of what the event says: 16 bytes of BLAKE2b.")
    day = models.DateField(help_text="UTC day it was received, for pruning.")

    def __str__(self) -> str:
        return str(self.key)


class Sink(models.Model):
    """One place the outbox goes, and how far the log has been sealed for it."""

    class State(models.TextChoices):
        ENABLED = "enabled", "Enabled"
        PAUSED = "paused", "Paused"
        OFF = "off", "Off"

    name = models.CharField(max_length=32, primary_key=True)
    state = models.CharField(max_length=8, choices=State, default=State.ENABLED)
    cursor_xid = XidField(default=0)
    cursor_id = models.BigIntegerField(default=0)
    cursor_received_at = models.DateTimeField(
        null=True, help_text="When the last sealed event was received: lets Postgres skip older partitions."
    )
    next_sequence = models.BigIntegerField(default=1)
    available_at = models.DateTimeField(db_default=Now(), help_text="No delivery before: the sink was away.")
    delivered = models.BigIntegerField(default=0, help_text="Events delivered so far.")
    failures = models.PositiveIntegerField(default=0, help_text="Failed deliveries in a row.")
    last_error = models.TextField(blank=True)
    last_error_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class ConnectionTest(models.Model):
    """The last time that somebody had a sink asked whether it would take a batch, and what came of it.

    A page asks and shows; a task does it. `answered_at` is null until then.
    """

    sink = models.OneToOneField(
        Sink, on_delete=models.CASCADE, primary_key=True, related_name="connection_test"
    )
    asked_at = models.DateTimeField()
    asked_by = models.CharField(max_length=150)
    begun_at = models.DateTimeField(
        null=True, help_text="When a worker took it; another may if it never ends."
    )
    answered_at = models.DateTimeField(null=True)
    seconds = models.FloatField(null=True, help_text="How long the sink took to answer.")
    error = models.TextField(
        blank=True, help_text="What was wrong, in the sink's own words; empty when it is well."
    )

    def __str__(self) -> str:
        return f"{self.sink_id} at {self.asked_at}"


class OutboxBatch(models.Model):
    """Events owed to one sink, fixed before anything is sent, so that every retry is the same batch again.

    Only erasure takes events from it afterwards (`capture.remake`).
    """

    class State(models.TextChoices):
        SEALED = "sealed", "Sealed"
        SENDING = "sending", "Sending"
        DELIVERED = "delivered", "Delivered"
        BLOCKED = "blocked", "Blocked"

        @property
        def is_terminal(self) -> bool:
            return self is OutboxBatch.State.DELIVERED

    sink = models.CharField(max_length=32)
    sequence = models.BigIntegerField()
    day = models.DateField(help_text="UTC day its events were received; a batch never spans two.")
    first_xid = XidField()
    first_id = models.BigIntegerField()
    last_xid = XidField()
    last_id = models.BigIntegerField()
    count = models.PositiveIntegerField()
    excluded = models.PositiveIntegerField(default=0, help_text="Events that left it as dead letters.")
    checksum = models.CharField(max_length=32, help_text="MD5 over the event ids in order.")
    object_name = models.CharField(max_length=128)
    oldest_received_at = models.DateTimeField()
    sealed_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State, default=State.SEALED)
    attempts = models.PositiveIntegerField(default=0)
    available_at = models.DateTimeField(db_default=Now(), help_text="Not to be tried before.")
    leased_until = models.DateTimeField(null=True, help_text="Until then it belongs to who holds the token.")
    lease_token = models.UUIDField(null=True)
    delivered_at = models.DateTimeField(null=True)
    is_replay = models.BooleanField(
        default=False,
        help_text="Holds dead letters that are tried again; no range of the log, no part of the ledger.",
    )
    recounted_at = models.DateTimeField(
        null=True, help_text="When its store was last asked what it holds of it; null since it was sent anew."
    )
    held = models.PositiveIntegerField(null=True, help_text="How many of its events the store held then.")
    is_counted = models.BooleanField(
        db_default=False,
        help_text="Its rows are in the days of usage: they cost nothing more when it is sent again.",
    )
    doubled = models.PositiveIntegerField(
        db_default=0, help_text="How many of its events the store held more than once."
    )
    remade_at = models.DateTimeField(null=True, help_text="When events were last erased from it.")
    recalled_token = models.UUIDField(
        null=True, help_text="Of the worker from whom it was taken for that, in mid-delivery."
    )
    recalled_until = models.DateTimeField(
        null=True, help_text="Until then what was erased may still be on its way to the store."
    )
    promised = models.JSONField(
        null=True, help_text="What its sink said it would commit, before it did: BigQuery's streams by table."
    )
    first_error = models.TextField(blank=True)
    last_error = models.TextField(blank=True)

    class Meta:
        verbose_name_plural = "outbox batches"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["sink", "sequence"], name="one_batch_per_sequence")
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["sink", "sequence"],
                condition=~models.Q(state="delivered"),
                name="capture_batch_owed",
            ),
            models.Index(fields=["day", "sink"], name="capture_batch_day"),
            models.Index(
                models.F("sink"),
                models.F("recounted_at").asc(nulls_first=True),
                condition=models.Q(state="delivered"),
                name="capture_batch_recount",
            ),
            models.Index(fields=["sink"], condition=models.Q(doubled__gt=0), name="capture_batch_doubled"),
            models.Index(
                fields=["recalled_until"],
                condition=models.Q(recalled_until__isnull=False),
                name="capture_batch_recalled",
            ),
            models.Index(  # which batch of a sink has an event
                fields=["sink", "first_xid", "first_id"],
                condition=models.Q(is_replay=False),
                name="capture_batch_position",
            ),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """The batch's name outside: in object metadata, BigQuery rows and Redis guards."""
        return f"{self.sink}-{self.sequence}"


class DeadLetter(models.Model):
    """One event that left its batch for one sink, because that sink refused it for good."""

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        DEAD = "dead", "Dead"
        REPLAYED = "replayed", "Replayed"
        DISCARDED = "discarded", "Discarded"

    batch = models.ForeignKey(OutboxBatch, on_delete=models.PROTECT, related_name="dead_letters")
    sink = models.CharField(max_length=32)
    day = models.DateField(help_text="UTC day the event was received.")
    event_id = models.CharField(max_length=64)
    event_type = models.CharField(max_length=32)
    reason = models.TextField(help_text="In the sink's own words.")
    response = models.JSONField(default=dict, help_text="What the sink answered.")
    attempts = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=10, choices=State, default=State.DEAD)
    created_at = models.DateTimeField(db_default=Now())
    replay_batch = models.ForeignKey(
        OutboxBatch, on_delete=models.PROTECT, null=True, related_name="replayed_letters"
    )
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.CharField(max_length=150, blank=True)
    resolution = models.TextField(blank=True, help_text="Why it was replayed or discarded.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["batch", "event_id"], name="one_dead_letter_per_event_and_batch")
        ]
        indexes: ClassVar = [
            models.Index(fields=["sink", "state", "created_at"], name="capture_dead_by_state")
        ]

    def __str__(self) -> str:
        return f"{self.sink} {self.event_id}"


class Reading(models.Model):
    """What a sink looked like at one moment, stored by a task so that no page has to probe."""

    sink = models.CharField(max_length=32)
    taken_at = models.DateTimeField()
    health = models.CharField(max_length=10)
    waiting = models.BigIntegerField(help_text="Events of the log not delivered yet.")
    lag_seconds = models.FloatField(help_text="Age of the oldest undelivered event; 0 when there is none.")
    delivered = models.BigIntegerField(help_text="Events delivered so far.")
    dead = models.BigIntegerField(help_text="Dead letters that nobody has dealt with.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["sink", "taken_at"], name="one_reading_per_moment")
        ]

    def __str__(self) -> str:
        return f"{self.sink} at {self.taken_at}"


class HorizonReading(models.Model):
    """How old the oldest transaction that had written was at one moment; younger events could not be sealed."""

    taken_at = models.DateTimeField(unique=True)
    xid = XidField(help_text="The transaction; 0 when none was open.")
    age_seconds = models.FloatField(help_text="How long it had been open; 0 when none was.")
    held_by = models.CharField(
        max_length=200, blank=True, help_text="The session's application and state, never what it asked."
    )

    def __str__(self) -> str:
        return f"{self.age_seconds:.0f} s at {self.taken_at}"


class LedgerDay(models.Model):
    """The account of one sink and day: captured = delivered + pending + dead + discarded, or something is lost."""

    sink = models.CharField(max_length=32)
    day = models.DateField()
    captured = models.BigIntegerField()
    delivered = models.BigIntegerField()
    pending = models.BigIntegerField()
    dead = models.BigIntegerField()
    discarded = models.BigIntegerField()
    counted_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["sink", "day"], name="one_account_per_day")]

    def __str__(self) -> str:
        return f"{self.sink} on {self.day}"

    @property
    def next_day(self) -> date:
        return self.day + timedelta(days=1)

    @property
    def difference(self) -> int:
        """Events the account cannot explain; 0 in a shop that loses nothing."""
        return self.captured - self.delivered - self.pending - self.dead - self.discarded


class RejectionCount(models.Model):
    """How many events were refused at the door, by hour and reason; the events themselves are not kept.

    Duplicates are counted here too, under a code of their own (`capture.duplicates`), though nothing refuses them.
    """

    hour = models.DateTimeField()
    event_type = models.CharField(
        max_length=32, help_text="As far as it could be read; empty when it could not."
    )
    code = models.CharField(max_length=32)
    pointer = models.CharField(max_length=128)
    count = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["hour", "event_type", "code", "pointer"], name="one_count_per_reason"
            )
        ]

    def __str__(self) -> str:
        return f"{self.code} at {self.pointer}"


class Watermark(models.Model):
    """Up to which transaction a count has read the log: every event before `xid` is in it, none from there on."""

    name = models.CharField(max_length=32, primary_key=True)
    xid = XidField(default=0)

    def __str__(self) -> str:
        return f"{self.name} up to {self.xid}"


class Volume(models.Model):
    """How many events of a type were captured in an hour, so that no page has to count the log."""

    hour = models.DateTimeField()
    event_type = models.CharField(max_length=32)
    count = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["hour", "event_type"], name="one_volume_per_hour_and_type")
        ]

    def __str__(self) -> str:
        return f"{self.count} {self.event_type} at {self.hour}"


class UsageDay(models.Model):
    """What one table of the warehouse was given in a UTC day, and what that took: counts, and no event.

    `sent_…` is what requests carried, those too that were refused or sent again; `rows` are those that the table holds
    since, each of them once. `mode` is how they were written, or `query` for questions that LeafLoaf itself asked.
    """

    day = models.DateField()
    table_name = models.CharField(max_length=128, help_text="Empty for queries.")
    mode = models.CharField(max_length=16)
    requests = models.BigIntegerField(db_default=0)
    sent_rows = models.BigIntegerField(db_default=0)
    sent_bytes = models.BigIntegerField(db_default=0)
    rows = models.BigIntegerField(db_default=0)
    row_bytes = models.BigIntegerField(db_default=0, help_text="As the store counts them for storage.")
    billed_bytes = models.BigIntegerField(db_default=0, help_text="As it counts them for writing or asking.")
    streams = models.BigIntegerField(db_default=0, help_text="Streams opened for writing.")
    largest_rows = models.BigIntegerField(db_default=0, help_text="Of one request.")
    largest_bytes = models.BigIntegerField(db_default=0, help_text="Of one request.")
    second = models.DateTimeField(null=True, help_text="The second in which rows were last sent.")
    second_rows = models.BigIntegerField(db_default=0)
    busiest_rows = models.BigIntegerField(db_default=0, help_text="The most rows sent in a second.")
    busiest_at = models.DateTimeField(null=True)
    hour = models.DateTimeField(null=True, help_text="The hour in which streams were last opened.")
    hour_streams = models.BigIntegerField(db_default=0)
    busiest_streams = models.BigIntegerField(db_default=0, help_text="The most streams opened in an hour.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["day", "table_name", "mode"], name="one_usage_per_day_table_and_mode"
            )
        ]

    def __str__(self) -> str:
        return f"{self.table_name or self.mode} on {self.day}"


class Notice(models.Model):
    """A sentence that a task has for staff, for as long as it holds; no page has to find it out by itself."""

    kind = models.CharField(max_length=32, help_text="What found it; each kind replaces only its own.")
    sentence = models.CharField(max_length=400)
    first_seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["kind", "sentence"], name="one_notice_per_sentence")
        ]

    def __str__(self) -> str:
        return self.sentence


class SchemaDrift(models.Model):
    """One place where a sink's live table differs from the vocabulary, as found when they were last compared."""

    sink = models.CharField(max_length=32)
    table = models.CharField(max_length=512)
    column = models.CharField(max_length=512, blank=True, help_text="Empty when the table itself differs.")
    difference = models.TextField()
    remedy = models.TextField()
    found_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["sink", "table", "column", "difference"], name="one_drift_per_difference"
            )
        ]

    def __str__(self) -> str:
        name = f"{self.table}.{self.column}" if self.column else self.table
        return f"{name} {self.difference}; {self.remedy}"
