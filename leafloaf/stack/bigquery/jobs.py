"""Query jobs and the pages of their results. They are held in memory and forgotten at a restart.

https://cloud.google.com/bigquery/docs/reference/rest/v2/Job
https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/query
"""

import collections
import dataclasses
import threading
import uuid
from typing import Any

from leafloaf.stack.bigquery import cells
from leafloaf.stack.bigquery.catalogue import duplicate, not_found
from leafloaf.stack.bigquery.queries import Outcome, Query, Runner
from leafloaf.stack.http import ApiError

KEPT_JOBS = 500
PAGE_ROWS = 10_000  # Google ends a page at 10 MB; a fixed number is as good for a client that pages


@dataclasses.dataclass
class Job:
    project: str
    name: str
    location: str
    configuration: dict[str, Any]
    started_ms: int
    outcome: Outcome | None = None
    error: ApiError | None = None

    @property
    def reference(self) -> dict[str, str]:
        return {"projectId": self.project, "jobId": self.name, "location": self.location}

    def resource(self) -> dict[str, Any]:
        return {
            "kind": "bigquery#job",
            "id": f"{self.project}:{self.location}.{self.name}",
            "jobReference": self.reference,
            "configuration": {"jobType": "QUERY", **self.configuration},
            "status": self._status(),
            "statistics": self._statistics(),
        }

    def _status(self) -> dict[str, Any]:
        status: dict[str, Any] = {"state": "DONE"}
        if self.error:
            result = {"reason": self.error.reason, "message": self.error.message, **self.error.details}
            status |= {"errorResult": result, "errors": [result]}
        return status

    def _statistics(self) -> dict[str, Any]:
        when = str(self.started_ms)
        query: dict[str, Any] = {"totalBytesProcessed": "0", "totalBytesBilled": "0", "cacheHit": False}
        if self.outcome:
            query |= {"statementType": self.outcome.statement_type, **dml(self.outcome), **ddl(self.outcome)}
            query["schema"] = {"fields": [f.resource() for f in self.outcome.fields]}
        return {
            "creationTime": when,
            "startTime": when,
            "endTime": when,
            "totalBytesProcessed": "0",
            "query": query,
        }


def dml(outcome: Outcome) -> dict[str, Any]:
    if outcome.affected is None:
        return {}
    stats = {f"{name}RowCount": str(count) for name, count in outcome.affected.items()}
    return {"numDmlAffectedRows": str(sum(outcome.affected.values())), "dmlStats": stats}


def ddl(outcome: Outcome) -> dict[str, Any]:
    if outcome.ddl_target is None:
        return {}
    project, dataset, name = outcome.ddl_target
    return {
        "ddlOperationPerformed": outcome.ddl_operation,
        "ddlTargetTable": {"projectId": project, "datasetId": dataset, "tableId": name},
    }


class Jobs:
    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._lock = threading.Lock()
        self._jobs: collections.OrderedDict[tuple[str, str], Job] = collections.OrderedDict()
        self._requests: dict[tuple[str, str], Job] = {}

    def get(self, project: str, name: str) -> Job:
        found = self._jobs.get((project, name))
        if found is None:
            raise not_found(f"Job {project}:{name}")
        return found

    def listed(self, project: str) -> list[Job]:
        return [job for job in reversed(self._jobs.values()) if job.project == project]

    def start(self, query: Query, reference: dict[str, Any], configuration: dict[str, Any]) -> Job:
        """Run to the end; what goes wrong is kept in the job, as it would be in BigQuery."""
        name = reference.get("jobId") or f"job_{uuid.uuid4().hex}"
        now = int(self._runner.rows.clock.now().timestamp() * 1000)
        job = Job(query.project, name, reference.get("location") or "US", configuration, now)
        if not query.dry_run:
            self._keep(job)
        try:
            job.outcome = self._runner.run(query)
        except ApiError as error:
            job.error = error
        return job

    def once(self, request_id: str, query: Query, reference: dict[str, Any]) -> Job:
        """jobs.query: the same requestId again is answered from the first run."""
        key = (query.project, request_id)
        if request_id and key in self._requests:
            return self._requests[key]
        job = self.start(query, reference, {"query": {"query": query.text, "useLegacySql": False}})
        if request_id and not query.dry_run:
            self._requests[key] = job
        return job

    def _keep(self, job: Job) -> None:
        with self._lock:
            key = (job.project, job.name)
            if key in self._jobs:
                raise duplicate(f"Job {job.project}:{job.location}.{job.name}")
            self._jobs[key] = job
            while len(self._jobs) > KEPT_JOBS:
                self._jobs.popitem(last=False)


def page(outcome: Outcome, start: int, wanted: int | None, timestamps: str) -> dict[str, Any]:
    """`rows` from a position on, and the token of the next page when there is one."""
    end = start + (PAGE_ROWS if wanted is None else min(wanted, PAGE_ROWS))
    found: dict[str, Any] = {
        "schema": {"fields": [f.resource() for f in outcome.fields]},
        "totalRows": str(len(outcome.rows)),
        "rows": cells.encode(outcome.fields, outcome.rows[start:end], timestamps),
    }
    if end < len(outcome.rows):
        found["pageToken"] = str(end)
    return found
