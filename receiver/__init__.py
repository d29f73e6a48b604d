"""The path of one alert through the receiver.

    web/alerts  →  stages/intake   authenticated, taken apart, planned, on disk; only then 202
                   stages/opening  how it begins: told to people, waited for (`for`), or a human at once
    pipeline    →  stages/plan     what was opened by hand or again
                   stages/guard    may it be acted on now? refused with a reason, asked again, or the permission written
                   stages/act      intent on disk, effect, outcome on disk
                   stages/verify   looked at until proven, disproven or unseen
                   stages/climb    the next rung, or a human
                   stages/notify   every step told, in order, until taken

What decides is in `decide/` and does no I/O; what lasts is in `journal/`; what touches the world are the plugins
(`actions/`, `checks/`, `channels/`, `managers/`) through `tools`.
"""
