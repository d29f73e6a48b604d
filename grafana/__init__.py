"""Grafana's part of the bundle: dashboards, what provisions them, and the generator that writes them."""
