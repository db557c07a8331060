"""Prometheus and promtool: found, or installed from Debian's package without starting it as a service."""

from __future__ import annotations

import os
import shutil
from functools import cache

from tests.servers import debian


@cache
def program(name: str) -> str:
    """The path of `prometheus` or `promtool`. PROMETHEUS_BIN names a folder that has both. Raises ServerFailed."""
    found = shutil.which(name, path=f"{os.environ.get('PROMETHEUS_BIN', '')}:{os.environ.get('PATH', '')}")
    if found is None:
        debian.install("prometheus")
        found = shutil.which(name)
    assert found is not None
    return found
