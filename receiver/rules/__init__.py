"""The bundled rules as templates, and the one file of thresholds that they are rendered from.

Prometheus reads plain files, so what a team changes (a threshold, an address in a link, an alert that it does not want) would have to be
changed in every expression and every text that says it. Here it stands once, in `thresholds.yml`; `prunella rules render` writes the rest.
"""
