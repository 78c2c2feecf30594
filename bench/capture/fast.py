"""FastAPI, pydantic and asyncpg, storing the bare event and nothing else."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import asyncpg
from fastapi import FastAPI
from pydantic import BaseModel, Field

CONNECTIONS = 4
"""For each of two workers: eight in all, as the others have."""

INSERT = """
    INSERT INTO bench_event
        (event_id, event_type, subject_id, session_id, occurred_at, received_at, payload, schema_version)
    SELECT *, 1
    FROM unnest($1::text[], $2::text[], $3::uuid[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::jsonb[])
"""


class Event(BaseModel):
    event_id: Annotated[str, Field(min_length=1, max_length=64)]
    event_type: Literal["search", "interaction", "cart", "order", "recommendation_impression"]
    subject_id: UUID | None = None
    session_id: Annotated[str | None, Field(max_length=128)] = None
    occurred_at: datetime
    payload: dict[str, Any]


class Batch(BaseModel):
    events: Annotated[list[Event], Field(min_length=1, max_length=500)]


@asynccontextmanager
async def pooled(app: FastAPI) -> AsyncIterator[None]:
    url = os.environ["DATABASE_URL"]
    async with asyncpg.create_pool(url, min_size=CONNECTIONS, max_size=CONNECTIONS) as app.state.pool:
        yield


app = FastAPI(lifespan=pooled)


@app.post("/events", status_code=202)
async def take(batch: Batch) -> dict[str, int]:
    events, now = batch.events, datetime.now(UTC)
    columns = (
        [event.event_id for event in events],
        [event.event_type for event in events],
        [event.subject_id for event in events],
        [event.session_id for event in events],
        [event.occurred_at for event in events],
        [now] * len(events),
        [json.dumps(event.payload) for event in events],
    )
    await app.state.pool.execute(INSERT, *columns)
    return {"accepted": len(events)}


@app.get("/health/live")
async def live() -> dict[str, str]:
    return {"status": "ok"}
