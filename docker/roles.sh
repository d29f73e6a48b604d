# Sourced by the image of PostgreSQL on its first start: $ROLES with the passwords that tokens.py has made, and the first one's database.
owner=${ROLES%% *}
for role in $ROLES; do
  psql --quiet --set ON_ERROR_STOP=1 --username postgres <<SQL
\set word \`cat /run/database/${role}_password\`
CREATE ROLE $role LOGIN PASSWORD :'word';
SQL
done
psql --quiet --set ON_ERROR_STOP=1 --username postgres \
  --command "CREATE DATABASE $owner OWNER $owner" --command "GRANT pg_monitor, pg_signal_backend TO prunella"
