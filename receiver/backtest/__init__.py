"""What playbooks would have done with alerts that have already been.

    prometheus, rulebook, deliveries  →  history   when each alert fired, from whoever remembers it
    world                             →            the same config with nothing in it that could touch anything
    replay                            →            the receiver's own stages over a journal in memory, by a clock that is moved
    cases                             →            the journal's rows, read back as one case for each time that something broke
    report, diff                      →            what that comes to; text, page and timeline show it

There is no second opinion here: planning, guards, limits, cool-downs and ladders are those of the running receiver.
"""
