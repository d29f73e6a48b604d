"""Orders in PostgreSQL, with the rows that every shop's database collects: sessions that ended and lines without an order."""

from __future__ import annotations

import asyncio
import contextlib

import asyncpg

from prunella import watch_pool
from prunella.timing import timer

TABLES = """
CREATE TABLE IF NOT EXISTS orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz DEFAULT now());
CREATE TABLE IF NOT EXISTS order_lines (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, order_id bigint);
CREATE INDEX IF NOT EXISTS order_lines_order ON order_lines (order_id);
CREATE TABLE IF NOT EXISTS sessions (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, expires_at timestamptz);
CREATE INDEX IF NOT EXISTS sessions_end ON sessions (expires_at);
GRANT SELECT, UPDATE, DELETE ON orders, order_lines, sessions TO prunella;
"""
PATIENCE = 3.0
ABANDONED = 0.05  # of the orders: the customer goes, the order is deleted, its lines are forgotten


class Orders:
    """A small pool, opened when it is needed first."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._opening = asyncio.Lock()
        self._forgotten: list[asyncpg.Connection[asyncpg.Record]] = []
        self._taken = 0

    async def place(self) -> None:
        """One order. Raises asyncpg's errors, OSError or TimeoutError."""
        with timer("db", "place_order"):
            pool = await self._opened()
            async with pool.acquire(timeout=PATIENCE) as connection, connection.transaction():
                order = await connection.fetchval("INSERT INTO orders DEFAULT VALUES RETURNING id")
                await connection.execute("INSERT INTO order_lines (order_id) VALUES ($1)", order)
                await connection.execute(
                    "INSERT INTO sessions (expires_at) VALUES (now() + interval '20 s')"
                )
                self._taken += 1
                if self._taken % round(1 / ABANDONED) == 0:
                    await connection.execute("DELETE FROM orders WHERE id = $1", order)

    async def forget_connections(self, count: int) -> None:
        """A report that opens a transaction on each of many connections and forgets them all."""
        for _ in range(count):
            connection = await asyncpg.connect(self._url, timeout=PATIENCE)
            self._forgotten.append(connection)
            await connection.execute("BEGIN")
            await connection.execute("SELECT count(*) FROM orders")

    async def close_forgotten(self) -> None:
        while self._forgotten:
            with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await self._forgotten.pop().close(timeout=1)

    async def close(self) -> None:
        """Gives everything back."""
        await self.close_forgotten()
        if self._pool is not None:
            self._pool.terminate()

    async def _opened(self) -> asyncpg.Pool[asyncpg.Record]:
        async with self._opening:
            if self._pool is None:
                pool = await asyncpg.create_pool(
                    self._url, min_size=1, max_size=2, timeout=PATIENCE, command_timeout=PATIENCE
                )
                await pool.execute(TABLES)
                self._pool = pool
                watch_pool(pool, "orders")
        return self._pool
