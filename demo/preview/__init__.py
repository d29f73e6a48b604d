"""Slack's place in the local stack: takes what the receiver sends, shows it as a page, and sends what is pressed there.

It is the same stand-in that the tests talk to, as strict as Slack's documents where the receiver touches them, so that
what is shown here would be shown there. Nothing leaves the machine.
"""
