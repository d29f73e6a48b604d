"""A Sentry DSN that ends here: apps in any language send their errors, which are counted and, if wanted, passed on.

bytes (envelope) → events (what each one is) → tally (the series) and forward (Sentry). Nothing of an event is kept but
its fingerprint, release and severity; what waits to be passed on is bounded.
"""
