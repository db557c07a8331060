"""Merge fields: what they do, what they can't reach, and that no template takes long."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.sender.core.template_engine import LONGEST_OUTPUT, MOST_WORK, OFFERED_TAGS
from services.sender.core.template_filters import FILTERS
from services.sender.core.templates import (
    DEEPEST_MERGE,
    LARGEST_MERGE,
    LONGEST_TAG,
    LONGEST_TAGS,
    MOST_TAGS,
    TemplateFault,
    merged,
)

ANNA = {
    "name": "Anna <b>",
    "total": 12.5,
    "day": "2026-11-03",
    "items": [{"title": "Cup", "price": 4}, {"title": "Plate", "price": 9}],
    "none": None,
    "long": "x" * 10_000,
}


def fault(source: str, merge: dict[str, Any] | None = None, **how: bool) -> str:
    with pytest.raises(TemplateFault) as caught:
        merged(source, merge or ANNA, **how)
    return str(caught.value)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Dear {{ name }},", "Dear Anna <b>,"),
        ("{{ items[1].title }} {{ items.size }} {{ items.first.price }}", "Plate 2 4"),
        ("{% for one in items %}{{ one.title }}: {{ one.price }}; {% endfor %}", "Cup: 4; Plate: 9; "),
        ("{% for n in (1..3) %}{{ n }}{% endfor %}", "123"),
        ("{% if total > 10 %}much{% else %}little{% endif %}", "much"),
        ("{% unless none %}none{% endunless %}", "none"),
        ("{% assign x = total | times: 2 %}{{ x }}", "25.0"),
        ("{% capture x %}a{{ total }}{% endcapture %}{{ x | upcase }}", "A12.5"),
        ("{{ nickname | default: 'friend' }}", "friend"),
        ("{{ day | date: '%-d %B %Y' }}", "3 November 2026"),
        ("{{ name | replace: 'Anna', 'Bea' | truncate: 5, '...' }}", "Be..."),
        ("{{ items | map: 'title' | join: ', ' }}", "Cup, Plate"),
        ("{% raw %}{{ name }} {% if {% endraw %}{{ total }}", "{{ name }} {% if 12.5"),
        ("{% comment %}{{ nobody }}{% endcomment %}x", "x"),
        ("no tags at all", "no tags at all"),
    ],
)
def test_fields_are_filled_in(source: str, text: str) -> None:
    assert merged(source, ANNA) == text


@pytest.mark.parametrize("source", ["{{ name }}", "{% boom", "}} {{"])
def test_without_merge_fields_no_template_is_run(source: str) -> None:
    assert merged(source, {}) == source


def test_one_mail_sees_nothing_of_another_of_the_same_template() -> None:
    source = "{% if first %}{% assign kept = name %}{% endif %}{{ kept | default: 'nothing' }} {{ name }}"
    assert merged(source, {"first": True, "name": "Anna"}) == "Anna Anna"
    assert merged(source, {"first": False, "name": "Bea"}) == "nothing Bea"


def test_values_are_escaped_in_html_unless_the_author_says_otherwise() -> None:
    assert merged("{{ name }}|{{ name | safe }}|<i>", ANNA, html=True) == "Anna &lt;b&gt;|Anna <b>|<i>"


@pytest.mark.parametrize("source", ["{{ nobody }}", "{% if nobody %}{% endif %}", "{{ nobody | upcase }}",
    "{% for x in nobody %}{% endfor %}", "{{ name | append: nobody }}"])  # fmt: skip
def test_a_field_that_is_missing_is_named(source: str) -> None:
    assert "'nobody' is undefined (line 1)" in fault(source)


def test_a_missing_part_of_a_field_is_named_with_its_path() -> None:
    assert "items.prize" in fault("\n{{ items[0].prize }}")
    assert "(line 2)" in fault("\n{{ items[0].prize }}")


@pytest.mark.parametrize("value", ["a\r\nBcc: x", "a\nb", "a\u2028b", "a\x00b"])
def test_a_subject_stays_one_line(value: str) -> None:
    assert "line break" in fault("{{ v }}", {"v": value}, one_line=True)


@pytest.mark.parametrize("tag", ["include 'a'", "render 'a'", "liquid assign x = 1", "tablerow x in items", "increment x",
    "cycle 'a', 'b'", "extends 'a'", "import os"])  # fmt: skip
def test_a_tag_that_reaches_elsewhere_does_not_exist(tag: str) -> None:
    assert "not valid Liquid" in fault(f"{{% {tag} %}}")


@pytest.mark.parametrize("path", ["name.__class__", "name.upper", "items.append", "total.real", "name['__doc__']"])
def test_no_attribute_of_an_object_can_be_reached(path: str) -> None:
    assert "undefined" in fault(f"{{{{ {path} }}}}")


@pytest.mark.parametrize("value", ["now", "today", "10:00", "Friday", "1700000000"])
def test_no_filter_knows_a_clock(value: str) -> None:
    assert "can't use" in fault("{{ '" + value + "' | date: '%Y' }}")


# Each of these would run for hours, or take all memory, without a bound.
HOSTILE = {
    "a huge range": "{% for n in (1..999999999999) %}x{% endfor %}",
    "a huge range, listed first": "{% for n in (1..999999999999) reversed %}x{% endfor %}",
    "a huge range, skipped through": "{% for n in (1..999999999999) offset: 999999999990 %}x{% endfor %}",
    "a range that is filtered": "{{ (1..999999999999) | join }}",
    "a range that is searched": "{% if (1..999999999999) contains 'x' %}{% endif %}",
    "a range that is kept": "{% assign r = (1..999999999999) %}",
    "nested loops": "{% for a in (1..999) %}" * 10 + "x" + "{% endfor %}" * 10,
    "one loop after another": "{% for a in (1..9999) %}{% endfor %}" * 900,
    "a loop over much text": "{% for a in (1..99999) %}{% capture c %}"
    + "y" * 100_000
    + "{% endcapture %}{% endfor %}",
    "text that doubles": "{% assign x = long %}" + "{% assign x = x | append: x %}" * 60,
    "a list that doubles": "{% assign x = items %}" + "{% assign x = x | concat: x %}" * 60,
    "a number that squares": "{% assign x = 99 %}" + "{% assign x = x | times: x %}" * 60,
    "replacing that multiplies": "{{ long | replace: 'x', long | replace: 'x', long }}",
    "joining that multiplies": "{{ long | split: '' | join: long }}",
    "deep filters": ("{{ long" + " | upcase | downcase" * 90 + " }}") * 1_500,
    "a wide date": "{{ day | date: '%999999999d' }}",
    "rounding to a billion digits": "{{ total | round: -1000000000 }}",
    "nested blocks": "{% if total %}" * 900 + "{% endif %}" * 900,
    "a long condition": "{% if " + "total or " * 400 + "total %}{% endif %}",
    "too many tags": "{{ total }}" * (MOST_TAGS + 1),
    "a long tag": "{{ total" + " " * 5_000 + "}}",
    "tags that are not closed": "{{ total %}" * 1_900 + "x" * 1_000_000,
    "raw that is not closed": "{% raw %}" * 1_900 + "x" * 1_000_000,
    "raw closed before it opens": "{% endraw %}" * 900 + "{% raw %}" * 900 + "x" * 1_000_000,
    "a filter given our own arguments": "{{ total | default: 1, context: 2 }}",
}


@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_template_is_refused_or_soon_done(source: str) -> None:
    try:
        text = merged(source, ANNA)
    except TemplateFault:
        return
    assert len(text) < 1_000


@pytest.mark.parametrize(
    "merge",
    [
        {"v": "x" * (LARGEST_MERGE + 1)},
        {"v": [1] * (LARGEST_MERGE + 1)},
        {"v": {str(n): n for n in range(LARGEST_MERGE)}},
        {"v": 10**39},
        {"v": "lone \ud800 surrogate"},
        {"v": "a\ufdd0b"},
        {"v": {"a\ufdd0b": 1}},
        {"v": "a\x00b"},
    ],
)
def test_fields_that_are_too_much_are_refused(merge: dict[str, Any]) -> None:
    assert fault("{{ v }}", merge)


def test_fields_may_be_nested_so_deep_and_no_deeper() -> None:
    value: Any = "deep"
    for _ in range(DEEPEST_MERGE - 1):
        value = [value]
    assert merged("{{ v }}", {"v": value})
    assert "nested" in fault("{{ v }}", {"v": [[value]]})


def test_a_fault_does_not_repeat_a_value() -> None:
    assert "sekret" not in fault("{{ v | date: '%Y' }}", {"v": "sekret"})
    assert "sekret" not in fault("{{ v | divided_by: 0 }}{{ 1 | round: v }}", {"v": "sekret"})


def test_the_page_names_every_tag_filter_and_limit() -> None:
    page = (Path(__file__).parents[5] / "docs" / "templates.md").read_text("utf-8")
    named = {
        kind: re.findall(r"`([\w#]+)`", page.split(f"\n{kind}: ")[1].split("\n\n")[0]) for kind in ("Tags", "Filters")
    }
    assert named["Filters"] == sorted(FILTERS)
    assert set(named["Tags"]) == {"for", *OFFERED_TAGS}
    for limit in (MOST_TAGS, LONGEST_TAG, LONGEST_TAGS, LARGEST_MERGE, DEEPEST_MERGE, MOST_WORK, LONGEST_OUTPUT):
        assert f"{limit:,} " in page


PIECES = st.sampled_from(
    ["{{", "}}", "{%", "%}", " for a in items ", " endfor ", " if ", " endif ", " raw ", " endraw ", "total", "items", "name",
     "|", " assign x = ", " capture x ", " endcapture ", " comment ", " case ", " when ", " else ", "'", '"', "(1..9)", ".", ":",
     ",", "[", "]", "-", "\n", "default", "context", "\u2028", " echo ", "#", *FILTERS]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=25).map(" ".join), st.booleans())
def test_whatever_is_written_gives_text_or_a_fault(source: str, html: bool) -> None:
    try:
        text = merged(source, ANNA, html=html)
    except TemplateFault:
        return
    assert isinstance(text, str)
