"""Everything that is wrong with a rule as edited, each at its line, as in production."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from personalization.exceptions import InvalidRule, Problem
from personalization.rules.catalogue import Catalogue
from personalization.rules.nodes import Rule
from personalization.rules.parse import Lookup, check, link, parse
from personalization.segments.live import referenced
from personalization.segments.models import Segment
from personalization.types import Json

_PLACE = re.compile(r"/rules/(\d+)")
_STEP = re.compile(r"/steps/(\d+)")
_SHOWN_VALUE = 80
_SHOWN_CHOICES = 20


@dataclass(frozen=True)
class Examined:
    """`rule` is None when it cannot be read; it is linked when there are no problems."""

    rule: Rule | None
    problems: tuple[Problem, ...] = ()


def examine(data: Json, *, slug: str, catalogue: Catalogue) -> Examined:
    """Parse, check and link `data` as the rule of the segment `slug` (one query at most).

    The segment's stored rule is left out of account: what is edited takes its place,
    so that a circle through the segment itself is found before it is saved.
    """
    try:
        rule = parse(data)
    except InvalidRule as error:
        return Examined(None, tuple(error.problems))
    if problems := check(rule, catalogue):
        return Examined(rule, tuple(problems))
    try:
        return Examined(link(rule, _lookup(slug, rule)))
    except InvalidRule as error:
        return Examined(rule, tuple(error.problems))


def _lookup(slug: str, edited: Rule) -> Lookup:
    active = Segment.objects.listed().filter(active=True)
    segments = {segment.slug: segment for segment in active}

    def lookup(name: str) -> Rule | None:
        return edited if name == slug else referenced(segments[name])

    return lookup


def line_of(pointer: str) -> str:
    """Return the number of the line that `pointer` leads to, as the editor shows it.

    “2.1” is the first line of the group on line 2; “2 where 1” the first of its
    conditions on properties, “2 step 1” the first step of its sequence. Empty for the
    rule as a whole.
    """
    rule, _, where = pointer.partition("/where")
    place = ".".join(str(int(index) + 1) for index in _PLACE.findall(rule))
    if step := _STEP.search(rule):
        place = f"{place} step {int(step[1]) + 1}"
    inner = ".".join(str(int(index) + 1) for index in _PLACE.findall(where))
    return f"{place} where {inner}" if inner else place


def problem_text(problem: Problem) -> str:
    """Return the problem with its line, the value found and what is allowed."""
    line = line_of(problem.pointer)
    words = [f"Line {line}:" if line else "The rule:", message_of(problem)]
    return " ".join(words)


def message_of(problem: Problem) -> str:
    """Return the message with the value found and what is allowed."""
    words = [problem.message]
    found = shown_value(problem.value)
    if found and found.strip('"') not in problem.message:
        words.append(f"Found: {found}.")
    if problem.allowed:
        choices = list(problem.allowed[:_SHOWN_CHOICES])
        more = ["…"] if len(problem.allowed) > _SHOWN_CHOICES else []
        words.append(f"Allowed: {', '.join(choices + more)}.")
    return " ".join(words)


def shown_value(value: Json) -> str:
    if value is None or isinstance(value, Mapping | list | tuple):
        return ""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_VALUE else f"{text[:_SHOWN_VALUE]}…"
