"""pgbouncer's console: it speaks PostgreSQL's simple query protocol and nothing else, which asyncpg does not (ADR 53)."""
