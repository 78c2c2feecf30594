"""How long requests take and how many are under way, and which tasks ran."""

from leafloaf.lib import metering

REQUEST_SECONDS = metering.histogram(
    "leafloaf_http_request_seconds",
    "How long a request took, by the pattern of its address, its method and the first digit of its answer.",
    "route",
    "method",
    "status",
)
IN_PROGRESS = metering.level(
    "leafloaf_http_requests_in_progress", "Requests that are being answered now, or wait for their turn."
)
TASK_SECONDS = metering.histogram(
    "leafloaf_task_seconds",
    "How long a task of the worker took, by its name and how it ended.",
    "task",
    "state",
    buckets=(0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 20.0, 60.0, 300.0),
)
PROBLEMS = metering.counter(
    "leafloaf_problems_total",
    "Requests that were answered with a problem, by its code.",
    "code",
    values=[("internal_error",), ("overloaded",), ("database_away",)],
)
