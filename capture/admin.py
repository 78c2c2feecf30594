"""Capture's rows in the admin: to look at, never to touch. The log itself is in `capture.event_admin`."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from capture import event_admin, events, failures, letter_admin
from capture.cards import title_of
from capture.look_only import LookOnly
from capture.models import (
    ConnectionTest,
    DeadLetter,
    Event,
    HorizonReading,
    LedgerDay,
    OutboxBatch,
    Reading,
    RejectionCount,
    SchemaDrift,
    Sink,
    Volume,
)

__all__ = ["LookOnly"]

admin.site.register(Event, event_admin.EventAdmin)


class SinkFilter(admin.SimpleListFilter):
    """The configured sinks, without asking the table which there are."""

    title = "sink"
    parameter_name = "sink"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Iterable[tuple[str, str]]:
        return [(name, title_of(name)) for name in settings.SINKS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(sink=self.value()) if self.value() else queryset


class EventTypeFilter(admin.SimpleListFilter):
    """The event vocabulary, likewise."""

    title = "type"
    parameter_name = "event_type"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Iterable[tuple[str, str]]:
        return [(tag, tag.replace("_", " ").capitalize()) for tag in events.TYPES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(event_type=self.value()) if self.value() else queryset


class ProgressFilter(admin.SimpleListFilter):
    """What Backend health counts: what is still owed, and what failed at least once."""

    title = "progress"
    parameter_name = "progress"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Iterable[tuple[str, str]]:
        return [("owed", "Not delivered yet"), ("failed", "Failed at least once")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "owed":
            return queryset.exclude(state=OutboxBatch.State.DELIVERED)
        return queryset.exclude(last_error="") if self.value() == "failed" else queryset


class AlikeFilter(admin.SimpleListFilter):
    """Letters of the same sink and reason as one of them, whose number stands in the address instead of the reason."""

    title = "reason"
    parameter_name = "alike"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Iterable[tuple[str, str]]:
        number = request.GET.get(self.parameter_name, "")
        return [(number, "The same as of one letter")] if number else []

    def has_output(self) -> bool:
        return bool(self.lookup_choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return failures.alike(queryset, self.value()) if self.value() else queryset


@admin.register(OutboxBatch)
class OutboxBatchAdmin(LookOnly):
    list_display = (
        "label",
        "state",
        "count",
        "excluded",
        "attempts",
        "took",
        "object_name",
        "sealed_at",
        "delivered_at",
    )
    list_filter = (SinkFilter, "state", ProgressFilter)
    search_fields = ("object_name__exact", "sequence__exact")
    search_help_text = "A whole object name, or a sequence."
    fields = (
        "label",
        "state",
        "first_error",
        "last_error",
        "attempts",
        "count",
        "excluded",
        "rows",
        "object_name",
        "day",
        "oldest_received_at",
        "sealed_at",
        "available_at",
        "leased_until",
        "delivered_at",
        "took",
        "is_replay",
        "recounted_at",
        "held",
        "doubled",
        "remade_at",
        "checksum",
        "span",
    )
    readonly_fields = ("label", "rows", "took", "span")

    @admin.display(description="batch", ordering="id")
    def label(self, batch: OutboxBatch) -> str:
        return batch.label

    @admin.display(description="took")
    def took(self, batch: OutboxBatch) -> str:
        """From being sealed to being delivered."""
        return written(batch.delivered_at - batch.sealed_at) if batch.delivered_at else "–"

    @admin.display(description="what is in it")
    def rows(self, batch: OutboxBatch) -> SafeString:
        log, letters = (
            reverse("admin:capture_event_changelist"),
            reverse("admin:capture_deadletter_changelist"),
        )
        return format_html(
            '<a href="{}?batch={}">Its events</a> · <a href="{}?batch__id__exact={}">Its dead letters</a>',
            *(log, batch.pk, letters, batch.pk),
        )

    @admin.display(description="place in the log")
    def span(self, batch: OutboxBatch) -> str:
        return f"{batch.first_xid} / {batch.first_id} to {batch.last_xid} / {batch.last_id}"


def written(time: timedelta) -> str:
    seconds = time.total_seconds()
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


@admin.register(DeadLetter)
class DeadLetterAdmin(letter_admin.DeadLetterAdmin):
    """Letters are replayed and discarded here, each after a page that says how many it would be."""

    list_filter = (SinkFilter, "state", EventTypeFilter, "day", AlikeFilter)


@admin.register(Sink)
class SinkAdmin(LookOnly):
    """Pausing and resuming is on the *Backend health* page."""

    list_display = ("name", "state", "failures", "available_at", "last_error", "last_error_at")
    ordering = ("name",)


@admin.register(ConnectionTest)
class ConnectionTestAdmin(LookOnly):
    """Asked for on the *Backend health* page."""

    seen_with = "capture.view_sink"
    list_display = ("sink", "asked_by", "asked_at", "answered_at", "seconds", "error")
    ordering = ("sink",)


@admin.register(Reading)
class ReadingAdmin(LookOnly):
    list_display = ("taken_at", "sink", "health", "waiting", "lag_seconds", "delivered", "dead")
    list_filter = (SinkFilter,)


@admin.register(HorizonReading)
class HorizonReadingAdmin(LookOnly):
    seen_with = "capture.view_sink"
    list_display = ("taken_at", "age_seconds", "held_by", "xid")


@admin.register(LedgerDay)
class LedgerDayAdmin(LookOnly):
    list_display = (
        "sink",
        "day",
        "captured",
        "delivered",
        "pending",
        "dead",
        "discarded",
        "difference",
        "counted_at",
    )
    list_filter = (SinkFilter,)
    ordering = ("-day", "sink")

    @admin.display(description="difference")
    def difference(self, account: LedgerDay) -> int:
        return account.difference


@admin.register(Volume)
class VolumeAdmin(LookOnly):
    list_display = ("hour", "event_type", "count")
    list_filter = (EventTypeFilter,)
    ordering = ("-hour", "event_type")


@admin.register(RejectionCount)
class RejectionCountAdmin(LookOnly):
    """What was refused at the door is counted and not kept."""

    seen_with = "capture.view_volume"
    list_display = ("hour", "event_type", "code", "pointer", "count")
    list_filter = (EventTypeFilter,)
    ordering = ("-hour", "-count")


@admin.register(SchemaDrift)
class SchemaDriftAdmin(LookOnly):
    list_display = ("sink", "table", "column", "difference", "remedy", "found_at")
    list_filter = (SinkFilter,)
