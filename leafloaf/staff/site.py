"""The admin site, with the dashboards that `settings.DASHBOARDS` names."""

from functools import wraps
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    QueryDict,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse

from leafloaf.staff import bounded, dashboards, groups, overview
from leafloaf.staff.people import urls as people_urls
from leafloaf.staff.signing_in.site import GuardedSite


class StaffSite(GuardedSite):
    site_title = "LeafLoaf"
    site_header = "LeafLoaf"
    index_title = "Overview"
    site_url = None  # the shop's pages are elsewhere

    def get_urls(self) -> list[URLResolver | URLPattern]:
        # Django's own end with a pattern that catches everything.
        # Django's way from a row to its page in the shop is left out: there is none.
        rest = [one for one in super().get_urls() if getattr(one, "name", "") != "view_on_site"]
        page = path("dashboards/<slug:slug>/", self.admin_view(self.dashboard), name="dashboard")
        return [page, *people_urls.patterns(self), *rest]

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """As usual; but no list counts a table to its end, whoever wrote its class."""
        super().register(model_or_iterable, admin_class, **{**bounded.options_for(admin_class), **options})

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """In groups that say what they are for; the page of one application stays Django's."""
        apps = super().get_app_list(request, app_label)
        return apps if app_label else groups.grouped(apps, reverse("admin:index", current_app=self.name))

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """As usual; but a NUL in what was sent, which Postgres has no text for, is left out."""

        @wraps(view)
        def readable(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            asked: Any = request
            asked.GET, asked.POST = without_nul(request.GET), without_nul(request.POST)
            answer: HttpResponse = view(request, *args, **kwargs)
            return answer

        return super().admin_view(readable, cacheable)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        return {**context, "dashboards": dashboards.visible(request) if context["has_permission"] else []}

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        return super().index(request, {"overview": overview.gather(request), **(extra_context or {})})

    def dashboard(self, request: HttpRequest, slug: str) -> HttpResponse:
        """One dashboard's page, and by POST what its buttons do."""
        dashboard = dashboards.named(slug)
        if dashboard is None:
            raise Http404(f"There is no dashboard {slug!r}.")
        if not request.user.has_perm(dashboard.permission):
            raise PermissionDenied
        if request.method == "POST":
            return self._act(request, dashboard)
        request.current_app = self.name
        context = {**self.each_context(request), "title": dashboard.title, "subtitle": None}
        return TemplateResponse(
            request,
            dashboard.template_name,
            {**context, "dashboard": dashboard, **dashboard.context(request)},
        )

    def _act(self, request: HttpRequest, dashboard: dashboards.Dashboard) -> HttpResponse:
        if not isinstance(dashboard, dashboards.Acts):
            return HttpResponseNotAllowed(["GET"])
        try:
            messages.success(request, dashboard.act(request))
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        return HttpResponseRedirect(request.get_full_path())


def without_nul(sent: QueryDict) -> QueryDict:
    if not any("\0" in value for _, values in sent.lists() for value in values):
        return sent
    made = sent.copy()
    for name, values in sent.lists():
        made.setlist(name, [value.replace("\0", "") for value in values])
    return made
