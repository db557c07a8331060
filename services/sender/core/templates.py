"""Merge fields: Liquid in subject, text and HTML, with the values that came in the request, and nothing else in reach.

No file, other template, clock or attribute of an object can be reached, and the work is bounded before and while it is done:
templates come from whoever may publish a request. What is offered is named in template_engine and template_filters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from liquid.exceptions import (
    LiquidError,
    LiquidSyntaxError,
    ResourceLimitError,
    UndefinedError,
    UnknownFilterError,
)

from services.sender.core.template_engine import rendered
from services.sender.core.template_filters import TooMuch

MOST_TAGS: Final = 2_000  # {{ … }} and {% … %} in one template
LONGEST_TAG: Final = 2_000  # characters
LONGEST_TAGS: Final = 100_000  # characters, of all tags of one template
RESERVED: Final = "\ufdd0"  # a noncharacter of Unicode: what the caller marks a place with; no merge field may hold it
LARGEST_MERGE: Final = 200_000  # characters and values, names included
DEEPEST_MERGE: Final = 10


class TemplateFault(ValueError):
    """A template can't be filled in. The text is for a person: what is wrong, where, and the fix; no merge value is in it."""


def merged(source: str, merge: Mapping[str, Any], *, html: bool = False, one_line: bool = False) -> str:
    """`source` with its fields filled in. Raises TemplateFault, also for a field that `merge` does not have.

    merge: JSON values; empty means that no template is run, and braces stay as they are. html: values are escaped.
    one_line: a line break in the outcome is a fault, for header fields.
    """
    if not merge or not ("{{" in source or "{%" in source):
        return source
    size = _checked_merge(merge)
    tags = _checked_source(source)
    filled = _filled(source, merge, html, tags, size)
    if one_line and _BREAK.search(filled):
        raise TemplateFault("a merge field puts a line break or control character into it; take it out of the value")
    if "\x00" in filled:
        raise TemplateFault("a merge field holds a NUL character; take it out of the value")
    return filled


def _filled(source: str, merge: Mapping[str, Any], html: bool, tags: int, size: int) -> str:
    try:
        return rendered(source, merge, html=html, tags=tags, merge_size=size)
    except UndefinedError as fault:
        raise TemplateFault(
            f"{_named(fault)}{_line(fault)}; add the field to merge, or use the default filter"
        ) from None
    except UnknownFilterError as fault:
        raise TemplateFault(f"there is no such filter{_line(fault)}; docs/templates.md names those there are") from None
    except (ResourceLimitError, TooMuch, RecursionError, MemoryError):
        raise TemplateFault(
            "it does more work or writes more text than is allowed; make it simpler or shorter"
        ) from None
    except LiquidSyntaxError as fault:
        raise TemplateFault(f"it is not valid Liquid{_line(fault)}; correct the tag there") from None
    except LiquidError as fault:
        raise TemplateFault(f"a tag or filter got a value that it can't use{_line(fault)}; correct it") from None
    except (ArithmeticError, ValueError, TypeError, LookupError, AttributeError):
        raise TemplateFault("a filter got a value that it can't use; correct the template or the value") from None


def _checked_source(source: str) -> int:
    """How many tags there are. Their number, length and closing bound what parsing costs."""
    outside = _without_raw(source)
    pieces = _OPENING.split(outside)
    within = 0
    if len(pieces) // 2 > MOST_TAGS:
        raise TemplateFault(f"it has more than {MOST_TAGS} tags; make it simpler")
    for opening, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        end = piece.find("}}" if opening == "{{" else "%}")
        if not 0 <= end <= LONGEST_TAG:
            raise TemplateFault(f"a tag is not closed, or longer than {LONGEST_TAG} characters; close or shorten it")
        if ".." in _QUOTED.sub("", piece[:end]) and not _FOR.match(piece):
            raise TemplateFault("a range such as (1..9) can only be used in a for tag; use it there")
        within += end
    if within > LONGEST_TAGS:
        raise TemplateFault(f"its tags are longer than {LONGEST_TAGS} characters together; make it simpler")
    return len(pieces) // 2


def _without_raw(source: str) -> str:
    """`source` without what stands between raw and endraw. A raw that is not closed would be looked through to the end."""
    if not _RAW.search(source):
        return source
    kept, at, inside = [], 0, False
    for tag in _RAW.finditer(source):
        if inside == (tag.group(1) == ""):
            raise TemplateFault("a raw tag is not closed by endraw; close it")
        if not inside:
            kept.append(source[at : tag.start()])
        inside, at = not inside, tag.end()
    if inside:
        raise TemplateFault("a raw tag is not closed by endraw; close it")
    return "".join([*kept, source[at:]])


def _checked_merge(merge: Mapping[str, Any]) -> int:
    size = _size(merge, 0)
    if size > LARGEST_MERGE:
        raise TemplateFault(f"the merge fields hold more than {LARGEST_MERGE} characters; send less")
    return size


def _size(value: object, depth: int) -> int:
    if depth > DEEPEST_MERGE:
        raise TemplateFault(f"the merge fields are nested deeper than {DEEPEST_MERGE}; flatten them")
    if isinstance(value, str):
        if RESERVED in value:
            raise TemplateFault("a merge field holds U+FDD0, which is no character of a text; take it out")
        return 1 + len(value)
    if isinstance(value, Mapping):
        return 1 + sum(_size(str(name), depth) + _size(one, depth + 1) for name, one in value.items())
    if isinstance(value, list | tuple):
        return 1 + sum(_size(one, depth + 1) for one in value)
    if isinstance(value, int) and value.bit_length() > 128:
        raise TemplateFault("a merge field is a number of more than 38 digits; send it as text")
    return 1


def _named(fault: LiquidError) -> str:
    words = re.sub(r"[^\w .'\[\]-]", "", str(fault.message or ""))[:200]
    return words or "a field is undefined"


def _line(fault: LiquidError) -> str:
    token = fault.token
    if token is None or token.start_index < 0:
        return ""
    return f" (line {token.source.count(chr(10), 0, token.start_index) + 1})"


_OPENING = re.compile(r"(\{[{%])")
_RAW = re.compile(r"\{%-?\s{0,50}(end|)raw\s{0,50}-?%\}")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_FOR = re.compile(r"-?\s*for\b")
_BREAK = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
