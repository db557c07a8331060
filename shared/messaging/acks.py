"""Which deliveries of one channel are still open, and how to acknowledge some of them in the fewest frames. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AckPlan:
    """up_to: one acknowledgement with `multiple` for this tag and all before it, None for none. single: the rest."""

    up_to: int | None
    single: tuple[int, ...]


class OpenTags:
    """Delivery tags that were handed out and not settled; the broker numbers them upwards from 1 on each channel."""

    def __init__(self) -> None:
        self._open: dict[int, None] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, tag: int) -> None:
        """A delivery came."""
        self._open[tag] = None

    def discard(self, tag: int) -> bool:
        """A delivery was rejected. False if it was not open."""
        return tag in self._open and self._open.pop(tag, True) is None

    def settle(self, tags: Iterable[int]) -> AckPlan:
        """Takes `tags` out. `multiple` may only reach as far as every earlier tag is settled too."""
        wanted = {tag for tag in tags if tag in self._open}
        up_to = None
        for tag in self._open:  # in order of arrival, which is ascending
            if tag not in wanted:
                break
            up_to = tag
        for tag in wanted:
            del self._open[tag]
        return AckPlan(up_to, tuple(sorted(tag for tag in wanted if up_to is None or tag > up_to)))
