"""`make observe`: promtool's checks of the alert rules, and every query on a Prometheus that watches a running stack."""
