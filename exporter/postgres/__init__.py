"""PostgreSQL as the exporter asks it: a connection that is kept, what is asked over it, and the answer as metrics."""
