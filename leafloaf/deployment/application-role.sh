#!/bin/sh
# Run once, by the image of Postgres, when its data folder is made: the role that the application connects as, who owns
# nothing but what it is given (docs/audit.md). POSTGRES_USER migrates.
set -eu
psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set ON_ERROR_STOP=1 --set password="$APPLICATION_PASSWORD" <<'SQL'
CREATE ROLE leafloaf_app LOGIN PASSWORD :'password';
GRANT pg_read_all_stats TO leafloaf_app;
SQL
