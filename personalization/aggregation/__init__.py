"""What all shoppers together did, alike in Postgres and BigQuery."""
