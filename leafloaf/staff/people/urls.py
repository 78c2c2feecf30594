"""The addresses of *User profiles*, for the admin site to take up. A look-up's id is all that stands in them."""

from functools import partial
from typing import Any

from django.contrib.admin import AdminSite
from django.urls import URLPattern, path

from leafloaf.staff.people import opening, pages
from leafloaf.staff.people.pages import Section
from leafloaf.staff.people.sections import SECTIONS, VISIT


def patterns(site: AdminSite) -> list[URLPattern]:
    def at(address: str, view: Any, name: str, **fixed: Any) -> URLPattern:
        return path(f"people/{address}", site.admin_view(partial(view, site)), fixed, name=name)

    def of_person(address: str, name: str, section: Section) -> URLPattern:
        return at(f"<uuid:lookup_id>/{address}", pages.page, name, section=section, tabs=SECTIONS)

    first, *others = SECTIONS
    return [
        at("", opening.people, "people"),
        at("open/", opening.open_from, "people_open"),
        at("<uuid:lookup_id>/end/", opening.end, "people_end"),
        of_person("", "person", first),
        *(of_person(f"{one.name}/", f"person_{one.name}", one) for one in others),
        of_person("history/<int:event>/", "person_visit", VISIT),
    ]
