"""The exporter reads the world and answers; it changes nothing.

The path of one scrape:

    app         the request; `request` says which collectors are asked, and how long they have
    scrape      all of them at once, one collection of each at a time, late or broken ones cut off (and, by `ceiling`, what explodes)
    collectors  one file for each key of exporter.yml, listed in COLLECTORS; fresh values, no global gauges
                (`proc` reads the machine, `probing` looks at endpoints, `collectors.process_sources` asks managers,
                `postgres`, `resp` and `pgbouncer` ask databases over connections that are `kept`, whose answers become
                `lines` at once, `queues` knows where each queue system keeps its jobs)
    page        the families as text or OpenMetrics, by `text`, which keeps what stands before a value

`probes` answers `/probe`: a target that somebody names, if it is on the list, with a module that the config names.
`running` builds the collectors from the `settings` and keeps those that a reload does not change; `health` answers
`/api/health/*` with what `database_health`, `queue_health` and `endpoint_health` make of what was seen, as `report`s.
"""
