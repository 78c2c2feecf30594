"""Capture's rows in the admin: to look at, never to touch. Staff see the pseudonym, for there is nothing else."""

import json
from collections.abc import Iterable
from datetime import timedelta
from functools import cached_property
from typing import Any, ClassVar, cast
from uuid import UUID

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import Max, Model, Q, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import pluralize
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from capture import dead_letters, events
from capture.cards import title_of
from capture.event_keys import key_of
from capture.models import (
    DeadLetter,
    Event,
    EventKey,
    LedgerDay,
    OutboxBatch,
    Reading,
    SchemaDrift,
    Sink,
)
from capture.partitions import start_of

MOST_ROWS = 2000


class BoundedPaginator(Paginator[Model]):
    """Never counts a table of millions: past `MOST_ROWS` there are no pages, but search and filters."""

    @cached_property
    def count(self) -> int:
        found = cast("QuerySet[Model]", self.object_list)
        return len(found.order_by().values_list("pk")[:MOST_ROWS])


class BoundedList(ChangeList):
    """Knows that its count may be where the counting stopped."""

    @property
    def is_cut(self) -> bool:
        return self.result_count >= MOST_ROWS

    @property
    def most(self) -> str:
        return f"{MOST_ROWS:,}"


class LookOnly(admin.ModelAdmin[Model]):
    """Rows that only the workflow may change."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    ordering: ClassVar[tuple[str, ...]] = ("-id",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BoundedList

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


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
        tags = [str(kind.__struct_config__.tag) for kind in events.Event.__subclasses__()]
        return [(tag, tag.replace("_", " ").capitalize()) for tag in tags]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(event_type=self.value()) if self.value() else queryset


def pretty(value: object) -> SafeString:
    return format_html(
        '<pre class="json">{}</pre>', json.dumps(value, indent=2, ensure_ascii=False, default=str)
    )


@admin.register(Event)
class EventAdmin(LookOnly):
    """The log. There is no date hierarchy: it would count every partition."""

    list_display = ("event_id", "event_type", "subject_id", "session_id", "received_at")
    list_filter = (EventTypeFilter, "received_at")
    ordering = ("-xid", "-id")
    search_fields = ("event_id__exact",)
    search_help_text = "A whole event id, session id or pseudonym."
    fields = (
        "event_id",
        "event_type",
        "subject_id",
        "session_id",
        "occurred_at",
        "received_at",
        "payload_as_json",
        "schema_version",
        "xid",
        "id",
    )
    readonly_fields = ("payload_as_json",)

    @admin.display(description="payload")
    def payload_as_json(self, event: Event) -> SafeString:
        return pretty(event.payload)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Exact, and by what has an index: an event id leads to its day by way of `EventKey`."""
        wanted = search_term.strip()
        if not wanted:
            return queryset, False
        if key := EventKey.objects.filter(key=UUID(bytes=key_of(wanted))).first():
            start = start_of(key.day)
            days = Q(received_at__gte=start, received_at__lt=start + timedelta(days=1))
            return queryset.filter(days, event_id=wanted), False
        return queryset.filter(
            Q(session_id=wanted) | Q(subject_id=as_uuid(wanted), subject_id__isnull=False)
        ), False


def as_uuid(text: str) -> UUID:
    """The nil UUID, which is nobody's, for what is none."""
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


@admin.register(OutboxBatch)
class OutboxBatchAdmin(LookOnly):
    list_display = (
        "label",
        "state",
        "count",
        "excluded",
        "attempts",
        "object_name",
        "sealed_at",
        "delivered_at",
    )
    list_filter = (SinkFilter, "state")
    search_fields = ("object_name__exact", "sequence__exact")
    search_help_text = "A whole object name, or a sequence."

    @admin.display(description="batch", ordering="id")
    def label(self, batch: OutboxBatch) -> str:
        return batch.label


@admin.register(DeadLetter)
class DeadLetterAdmin(LookOnly):
    """Letters are replayed and discarded here, each after a page that says how many it would be."""

    list_display = ("event_id", "sink", "state", "event_type", "reason", "attempts", "created_at")
    list_filter = (SinkFilter, "state", EventTypeFilter, "day")
    search_fields = ("event_id__exact",)
    search_help_text = "A whole event id."
    list_select_related = ("batch",)
    exclude = ("response",)
    readonly_fields = ("response_as_json",)
    actions = ("replay", "discard")

    def has_resolve_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("capture.change_deadletter")

    @admin.action(description="Replay selected…", permissions=["resolve"])
    def replay(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> TemplateResponse | None:
        return self._resolve(request, letters, "replay")

    @admin.action(description="Discard selected…", permissions=["resolve"])
    def discard(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> TemplateResponse | None:
        return self._resolve(request, letters, "discard")

    def _resolve(
        self, request: HttpRequest, letters: QuerySet[DeadLetter], act: str
    ) -> TemplateResponse | None:
        """Asks first; what has died since the question was asked is not touched by the answer."""
        because = request.POST.get("because", "").strip()
        newest = request.POST.get("newest", "")
        if not newest.isdecimal() or (act == "discard" and not because):
            return self._question(request, letters, act)
        do = {"replay": dead_letters.replay, "discard": dead_letters.discard}[act]
        count = do(letters.filter(id__lte=int(newest)), by=request.user.get_username(), because=because)
        done = {"replay": "will be tried again", "discard": "discarded"}[act]
        self.message_user(request, f"{count:,} dead letter{pluralize(count)} {done}.", messages.SUCCESS)
        return None

    def _question(self, request: HttpRequest, letters: QuerySet[DeadLetter], act: str) -> TemplateResponse:
        dead = letters.filter(state=DeadLetter.State.DEAD)
        reasons = dead_letters.by_reason(dead)
        context = {
            **self.admin_site.each_context(request),
            "title": f"{act.capitalize()} dead letters",
            "opts": self.model._meta,
            "act": act,
            "total": sum(reason.count for reason in reasons),
            "others": letters.exclude(state=DeadLetter.State.DEAD).count(),
            "reasons": [(title_of(reason.sink), reason) for reason in reasons],
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "select_across": request.POST.get("select_across", "0"),
            "newest": dead.aggregate(newest=Max("id"))["newest"] or 0,
            "is_reason_missing": "newest" in request.POST,
        }
        return TemplateResponse(request, "capture/resolve_dead_letters.html", context)

    @admin.display(description="response")
    def response_as_json(self, letter: DeadLetter) -> SafeString:
        return pretty(letter.response)


@admin.register(Sink)
class SinkAdmin(LookOnly):
    """Pausing and resuming is on the *Backend health* page."""

    list_display = ("name", "state", "failures", "available_at", "last_error", "last_error_at")
    ordering = ("name",)


@admin.register(Reading)
class ReadingAdmin(LookOnly):
    list_display = ("sink", "taken_at", "health", "waiting", "lag_seconds", "delivered", "dead")
    list_filter = (SinkFilter,)


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


@admin.register(SchemaDrift)
class SchemaDriftAdmin(LookOnly):
    list_display = ("sink", "table", "column", "difference", "remedy", "found_at")
    list_filter = (SinkFilter,)
