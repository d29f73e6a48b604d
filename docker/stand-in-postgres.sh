#!/bin/sh
# What the entrypoint of the official image does with the settings that docker-compose.yml makes.
set -e
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  initdb --username postgres --pwfile "$POSTGRES_PASSWORD_FILE" --auth-local trust --auth-host scram-sha-256 --encoding UTF8 --locale C >/dev/null
  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
  pg_ctl -w -o "-c listen_addresses=" start >/dev/null
  for file in /docker-entrypoint-initdb.d/*.sh; do . "$file"; done
  pg_ctl -w -m fast stop >/dev/null
fi
exec "$@"
