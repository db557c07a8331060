"""The Liquid that templates run in: python-liquid without what reaches elsewhere, and with a bound on what a render does.

What is not offered here is not offered by accident: a tag or filter of the library comes in by being named.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, TextIO

from liquid import Environment, RenderContext, StrictDefaultUndefined
from liquid.builtin.tags.for_tag import ForNode, ForTag
from liquid.output import LimitedStringIO
from liquid.template import BoundTemplate
from liquid.token import Token
from liquid.undefined import UNDEFINED

from services.sender.core.template_filters import FILTERS, TooMuch

MOST_WORK: Final = 200_000  # steps: a value read, a filter run, a tag passed in a loop; about a second at most
LONGEST_OUTPUT: Final = 2_000_000  # bytes in UTF-8
MOST_LOCAL: Final = 800_000  # bytes that assign and capture may keep
LONGEST_REMEMBERED: Final = 20_000  # characters: a longer template is parsed each time

OFFERED_TAGS: Final = ("assign", "break", "capture", "case", "comment", "continue", "echo", "if", "raw", "unless", "#")
_OF_THE_PARSER: Final = ("content", "output", "illegal")


def rendered(source: str, merge: Mapping[str, Any], *, html: bool, tags: int, merge_size: int) -> str:
    """`source` filled in. tags, merge_size: what one pass through it, and one look at a container, is charged by.

    Raises LiquidError, TooMuch, and what Liquid's filters let through of Python's own errors.
    """
    template = _remembered(source, html) if len(source) <= LONGEST_REMEMBERED else _parsed(source, html)
    context = _Context(template, globals=merge)
    context.a_pass = 1 + tags + len(source) // 1000
    context.a_container = merge_size
    text = LimitedStringIO(limit=LONGEST_OUTPUT)
    template.render_with_context(context, text)
    return text.getvalue()


def _parsed(source: str, html: bool) -> BoundTemplate:
    return (_HTML if html else _PLAIN).from_string(source)


@lru_cache(maxsize=64)
def _remembered(source: str, html: bool) -> BoundTemplate:
    """A campaign's mails share their templates, and parsing is most of the work. A parsed template keeps no state of a render."""
    return _parsed(source, html)


class _Context(RenderContext):
    """A render with a bound on its work. Loops are charged for all that stands in the template, before they run."""

    __slots__ = ("a_container", "a_pass", "work")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.work = self.a_container = self.a_pass = 0

    def spend(self, steps: int) -> None:
        self.work += steps
        if self.work > MOST_WORK:
            raise TooMuch

    def get(self, path: list[object], *, token: Token | None, default: object = UNDEFINED) -> object:
        found = super().get(path, token=token, default=default)
        kind = type(found)  # asked of the type: an undefined value answers no question
        if issubclass(kind, str | list):
            self.spend(1 + len(found) // 500)  # type: ignore[arg-type]
        if issubclass(kind, list | tuple | dict):
            self.spend(self.a_container // 500)
        self.spend(1)
        return found

    def raise_for_loop_limit(self, length: int = 1) -> None:
        self.spend(length * self.a_pass)


class _ForNode(ForNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        over = self.expression.iterable.evaluate(context)
        if isinstance(over, range) and not -MOST_WORK < over.start <= over.stop < MOST_WORK:
            raise TooMuch  # before the library walks or lists it
        return super().render_to_output(context, buffer)


class _ForTag(ForTag):
    node_class = _ForNode


class _Environment(Environment):
    output_stream_limit = LONGEST_OUTPUT
    local_namespace_limit = MOST_LOCAL
    block_nesting_limit = 20

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=False)
        self.tags = {name: tag for name, tag in self.tags.items() if name in OFFERED_TAGS + _OF_THE_PARSER}
        self.add_tag(_ForTag)
        self.filters = dict(FILTERS)


_PLAIN: Final = _Environment(undefined=StrictDefaultUndefined)
_HTML: Final = _Environment(undefined=StrictDefaultUndefined, autoescape=True)
