"""Python's collector of cycles, in a process that works in batches."""

from __future__ import annotations

import gc
from typing import Final

_NEW_OBJECTS: Final = 20_000
"""New objects until the collector looks for cycles among them. A batch makes thousands and lets go of them at its end."""


def spare() -> None:
    """To be called once a process is built: what it holds by then stays for good, and is not gone through again and again."""
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)
