"""A strict local stand-in for Google Cloud Storage's JSON API (development and tests only).

    python -m leafloaf.stack.cloud_storage --port 4443 --data DIR

It answers what the real client library asks, refuses what Google refuses, and says 501 to what it
does not know rather than pretend. `DIR/BUCKET/objects/` shows the live objects as files (see `files`).
Its own routes are those of `leafloaf.stack.standin`, and `POST /_standin/lifecycle`, which applies
the buckets' lifecycle rules at the test clock's time.
"""
