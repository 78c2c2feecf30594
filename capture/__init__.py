"""What happened: events, and their way to Redis, Cloud Storage and BigQuery, once each."""
