"""The monitoring API of an app's operators: what Prometheus and the journal say, as one answer.

    questions   what is asked of Prometheus, by the name under which it is answered
    readings    asks all of it at once, each question for so long and no longer, once for everybody who waits
    alerts      open incidents as alerts, and who has acknowledged them
    health      the words: healthy, degraded, unhealthy, unknown
    shapes      the answers, section by section
    handlers    the routes

Nothing is made up: what cannot be told is null, and `missing` says why.
"""
