"""Views over the events: `events`, which has all of them, and those that other packages bring.

The others are named by the sink's option `views`: capture knows nothing of them.
"""

from collections.abc import Callable, Mapping, Sequence

from django.utils.module_loading import import_string
from google.cloud.bigquery import Table

from capture.sinks import bigquery_schema

EVENTS = "events"
Once = Callable[[str], str]
"""For an event type, the full name of the view that shows each event once."""
Views = Callable[[Once, int], Mapping[str, str]]
"""`views(once, retention_days)`: the query of each view by its name."""


def wanted(paths: Sequence[str], dataset: str, once: Once, retention_days: int) -> list[Table]:
    """The views as they should be, beside the tables."""
    brought: list[Views] = [import_string(path) for path in paths]
    queries = [(EVENTS, bigquery_schema.events_query(once, retention_days))]
    queries += [query for bring in brought for query in bring(once, retention_days).items()]
    return [_view(f"{dataset}.{name}", query) for name, query in queries]


def _view(name: str, query: str) -> Table:
    view = Table(name)
    view.view_query = query
    return view
