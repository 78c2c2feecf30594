"""Which pages there are of a person, in the order of their tabs."""

from leafloaf.staff.people import calendar, history, memory, privacy_state, recommendations, scores
from leafloaf.staff.people.pages import Context, Section


def section(name: str, title: str, told: str, context: Context, route: str = "") -> Section:
    return Section(name, route or f"admin:person_{name}", title, told, f"people/{name}.html", context)


SECTIONS = (
    section("privacy", "Privacy", "Privacy settings", privacy_state.context, "admin:person"),
    section("scores", "Scores", "Preference scores", scores.context),
    section("reorders", "Reorder calendar", "Reorder calendar", calendar.context),
    section("recommendations", "Recommendations", "Recommendations", recommendations.context),
    section("history", "History", "History", history.context),
    section("memory", "Memory", "Memory graph", memory.context),
)
VISIT = section("visit", "One visit", "One visit", history.visit_context)
