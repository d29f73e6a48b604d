"""The dashboards as Python, because thirteen files of JSON by hand drift apart: one look, the rules' own thresholds as lines, the same
variables, annotations and links everywhere. `python -m grafana.generator` writes `grafana/dashboards/*.json`, which are what is shipped.
"""
