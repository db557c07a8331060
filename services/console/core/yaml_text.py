"""YAML with the line of every field, so that a refusal can say where."""

from __future__ import annotations

from typing import Any

import yaml

from services.console.core.faults import DocumentRefused, Fault, Path


def parse(text: str, file: str) -> tuple[Any, dict[Path, int]]:
    """(the document, path -> line counted from 1). Raises DocumentRefused for broken YAML and for a field given twice."""
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return {}, {(): 1}
        lines: dict[Path, int] = {}
        twice: list[Fault] = []
        _walk(node, (), lines, twice, frozenset())
        if twice:
            raise DocumentRefused(twice, file=file, lines=lines)
        return loader.construct_document(node), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # The problem's own words only: a snippet of the text could hold a secret.
        fault = Fault((), f"is not YAML: {error.problem or error.context}", "correct the line, or the one above it")
        raise DocumentRefused([fault], file=file, lines={(): mark.line + 1 if mark else 1}) from None
    except yaml.YAMLError:
        fault = Fault((), "is not YAML: it holds characters that YAML does not allow", "save it as UTF-8 text")
        raise DocumentRefused([fault], file=file, lines={(): 1}) from None
    finally:
        loader.dispose()


def _walk(node: yaml.Node, path: Path, lines: dict[Path, int], twice: list[Fault], above: frozenset[int]) -> None:
    lines.setdefault(path, node.start_mark.line + 1)
    if id(node) in above:  # an alias that holds itself
        return
    inside = above | {id(node)}
    if isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            _walk(item, (*path, position), lines, twice, inside)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            at = (*path, str(key.value))
            if at in lines:
                twice.append(Fault(at, "is given twice", f"keep one; the first is on line {lines[at]}"))
            lines[at] = key.start_mark.line + 1
            _walk(value, at, lines, twice, inside)
