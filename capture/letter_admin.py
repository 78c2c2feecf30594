"""Dead letters in the admin: looked at, and replayed or discarded after a page that says how many it would be."""

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import pluralize
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from capture import dead_letters, explorer
from capture.cards import title_of
from capture.look_only import LookOnly, pretty
from capture.models import DeadLetter
from leafloaf.lib.row_numbers import row_number

DONE = {"replay": "will be tried again", "discard": "discarded"}


class DeadLetterAdmin(LookOnly):
    list_display = ("event_id", "sink", "state", "event_type", "reason", "attempts", "created_at")
    search_fields = ("event_id__exact",)
    search_help_text = "A whole event id."
    list_select_related = ("batch",)
    exclude = ("response",)
    readonly_fields = ("response_as_json", "in_the_log")
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
        newest = row_number(request.POST.get("newest"))
        if newest is None or (act == "discard" and not because):
            return self._question(request, letters, act)
        do = {"replay": dead_letters.replay, "discard": dead_letters.discard}[act]
        count = do(letters.filter(id__lte=newest), by=request.user.get_username(), because=because)
        self.message_user(request, f"{count:,} dead letter{pluralize(count)} {DONE[act]}.", messages.SUCCESS)
        return None

    def _question(self, request: HttpRequest, letters: QuerySet[DeadLetter], act: str) -> TemplateResponse:
        asked = dead_letters.counted(letters)
        context = {
            **self.admin_site.each_context(request),
            "title": f"{act.capitalize()} dead letters",
            "opts": self.model._meta,
            "act": act,
            "total": asked.dead,
            "is_cut": asked.is_cut,
            "others": asked.others,
            "reasons": [(title_of(reason.sink), reason) for reason in asked.reasons],
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "select_across": request.POST.get("select_across", "0"),
            "newest": dead_letters.newest(),
            "is_reason_missing": "newest" in request.POST,
        }
        return TemplateResponse(request, "capture/resolve_dead_letters.html", context)

    @admin.display(description="what the sink answered")
    def response_as_json(self, letter: DeadLetter) -> SafeString:
        return pretty(letter.response)

    @admin.display(description="what was sent")
    def in_the_log(self, letter: DeadLetter) -> SafeString | str:
        """The event's own page, which decides who may see what it says."""
        row = explorer.within(letter.batch, letter.event_id)
        if row is None:
            return "The log no longer has the event: the letter can only be discarded."
        return format_html('<a href="{}">The event</a>', reverse("admin:capture_event_change", args=[row.id]))
