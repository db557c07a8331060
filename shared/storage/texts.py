"""Text from outside, as PostgreSQL takes it."""

from __future__ import annotations


def clean(text: str) -> str:
    """`text` without NULs and halves of surrogate pairs: a hostile mail may hold them."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
