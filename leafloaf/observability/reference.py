"""docs/metrics.md: every metric, as it is declared."""

from collections.abc import Iterable, Iterator

from django.conf import settings
from django.utils.module_loading import autodiscover_modules, import_string

from leafloaf.lib import metering
from leafloaf.lib.metering import Declared
from leafloaf.observability import exposition, instruments  # noqa: F401 (declare their own)

INTRODUCTION = """# Metrics

Written by `make openapi` from what each app declares (`instruments.py`, `gauges.py`); do not edit.

For operators: what each number of `GET /metrics` means. [monitoring.md](monitoring.md) tells how it is scraped, what
alarms there are, and where the dashboard is.

No label leads to a person or holds what a caller wrote: routes are patterns, and the values of every other label are
words of LeafLoaf's own.
"""
KEPT = """
## Kept by the processes

Counted where it happens, by every process of the web server and by the worker, and added up. A counter begins at 0
when `make run` begins or a container does. A histogram has `_bucket`, `_sum` and `_count`, in seconds.
"""
READ = """
## Read when somebody asks

What the staff's pages show, from the tables that tasks keep up to date. What ends in `_timestamp_seconds` is a moment:
`time() - leafloaf_sink_read_timestamp_seconds` is how long ago it was.
"""


def page() -> str:
    """The page as Markdown."""
    known = everything()
    kept = [one for one in known if one.is_kept]
    read = [one for one in known if not one.is_kept]
    return "\n".join([INTRODUCTION.strip(), KEPT, *table(kept), READ, *table(read), ""])


def everything() -> list[Declared]:
    """By name; a metric is declared when its module is imported."""
    autodiscover_modules("instruments")
    for path in settings.METRICS:
        import_string(path)
    return sorted(metering.declared.values(), key=lambda one: one.name)


def table(metrics: Iterable[Declared]) -> Iterator[str]:
    yield "| metric | type | labels | meaning |"
    yield "| --- | --- | --- | --- |"
    for one in metrics:
        labels = ", ".join(f"`{label}`" for label in one.labels)
        yield f"| `{one.name}` | {one.kind} | {labels} | {one.meaning} |"
