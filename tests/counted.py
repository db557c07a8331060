"""Counters of this process, as increases."""

from __future__ import annotations

from prometheus_client import REGISTRY


class Since:
    """Increases since it was made; a series that is not there stands at 0."""

    def __init__(self) -> None:
        self._before = {(s.name, *sorted(s.labels.items())): s.value for f in REGISTRY.collect() for s in f.samples}

    def __call__(self, name: str, **labels: str) -> float:
        """name: of a sample, such as `…_total` or `…_count`."""
        before = self._before.get((name, *sorted(labels.items())), 0.0)
        return (REGISTRY.get_sample_value(name, labels) or 0.0) - before
