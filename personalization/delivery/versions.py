"""How many versions caches keep of a page with keyed slots, and how often one is found there.

The templates tell: a page can differ in the keyed slots that its node tree has, also within
variants of others, in the templates that it extends and includes by name. That is the most there
can be; how many there are is up to whom the visitors are, which a sample of profiles shows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import prod
from typing import Any

from django.template import TemplateDoesNotExist, TemplateSyntaxError, engines
from django.template.backends.django import DjangoTemplates
from django.template.base import FilterExpression, Node, NodeList
from django.template.loader_tags import ExtendsNode, IncludeNode

from personalization.clock import microseconds
from personalization.conf import settings
from personalization.delivery.block import Body, PersonalizedBlock
from personalization.delivery.choose import choose
from personalization.delivery.known import known_of
from personalization.delivery.places import FLAG, place_of
from personalization.delivery.published import Candidate, Place, Published
from personalization.delivery.standing import Standing
from personalization.delivery.templates import blocks_in_templates
from personalization.delivery.trials import STRATEGIES
from personalization.profiles.models import Snapshot
from personalization.types import Purpose

#: Above so many versions of a page, caches are of little use to it.
MANY = 64
#: How many profiles tell how often each version is seen.
SAMPLE = 1000


@dataclass(frozen=True)
class Question:
    """Something a page asks: a slot with its candidates, or whether somebody is in a segment.

    `inside` has what is asked only where a candidate is shown, in the order of `candidates`,
    and `by_default` what is where none is.
    """

    slot: str
    candidates: tuple[Candidate, ...]
    inside: tuple[tuple[Question, ...], ...] = ()
    by_default: tuple[Question, ...] = ()


@dataclass(frozen=True)
class PageVersions:
    """What caches keep of the pages of a template.

    `slots` are those that are keyed, `segments` all that they can depend on. There are at most
    `versions`, and one more for visitors nobody knows. A page is `personal` if it has slots
    for one visitor beside: then nothing is kept of it for visitors we know.
    """

    template: str
    slots: tuple[str, ...]
    segments: frozenset[str]
    versions: int
    personal: bool
    questions: tuple[Question, ...]


def versions_of_templates(config: Published) -> list[PageVersions]:
    """Return what caches keep of each template that has keyed slots, most versions first.

    Reads the templates, and of the database nothing: `config` is what is published.
    """
    blocks: dict[str, list[PersonalizedBlock]] = {}
    for name, block in blocks_in_templates():
        blocks.setdefault(name, []).append(block)
    found = (_versions_of(name, own, config) for name, own in blocks.items())
    return sorted((page for page in found if page.questions), key=lambda page: -page.versions)


def shares_of(page: PageVersions, config: Published, *, now: datetime) -> list[float]:
    """Return which part of the profiles sees each version of a page, largest first.

    Of those in a sample that agreed to personalization; empty if there are none.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    for snapshot in Snapshot.objects.order_by("-pk")[:SAMPLE]:
        known = known_of(snapshot, revision=config.revision, context=dict, now=now)
        if Purpose.PERSONALIZATION.value not in known.consents:
            continue
        standing = Standing(
            segments=known.segments,
            weights=config.weights,
            paused=settings.PAUSE_SEGMENT in known.segments,
            unit=str(snapshot.pk),
            now=microseconds(now),
        )
        seen[tuple(_answers(page.questions, standing, config))] += 1
    return [number / seen.total() for _, number in seen.most_common()]


def hit_ratio(shares: Sequence[float], *, views: int) -> float:
    """Return which part of `views` of a page, while caches keep it, is answered by them.

    Each version is rendered once, if it is seen at all: with chance 1 - (1 - p)^n for one that
    the part p of n views shows.
    """
    renders = sum(1 - (1 - share) ** views for share in shares)
    return 1 - renders / views if views else 0.0


def _versions_of(
    template: str, own: Sequence[PersonalizedBlock], config: Published
) -> PageVersions:
    named, flags = _asked_beside(template)
    blocks = [*own, *named]
    keyed = [block for block in blocks if _mode(block) == "keyed"]
    questions = dict.fromkeys(_question(block) for block in _outermost(keyed))
    if settings.DELIVERY == "keyed":
        questions |= dict.fromkeys(
            Question(f"{FLAG}{slug}", (Candidate((slug,), slug),)) for slug in flags
        )
    asked = tuple(questions)
    return PageVersions(
        template=template,
        slots=tuple(dict.fromkeys(block.slot for block in keyed)),
        segments=frozenset(_segments(asked, config)),
        versions=_count(asked, config),
        personal=any(_mode(block) == "inline" for block in blocks),
        questions=asked,
    )


def _question(block: PersonalizedBlock) -> Question:
    return Question(
        block.slot,
        tuple(block.candidates),
        tuple(_questions_in(body) for _, body in block.variants),
        _questions_in(block.default),
    )


def _questions_in(body: Body) -> tuple[Question, ...]:
    found = [block for block in _blocks_in(body) if _mode(block) == "keyed"]
    return tuple(dict.fromkeys(_question(block) for block in _outermost(found)))


def _outermost(blocks: Sequence[PersonalizedBlock]) -> list[PersonalizedBlock]:
    """Return the blocks that stand in none of the others."""
    inner = {
        id(one)
        for block in blocks
        for body in (block.default, *(body for _, body in block.variants))
        for one in _blocks_in(body)
    }
    return [block for block in blocks if id(block) not in inner]


def _count(questions: Iterable[Question], config: Published) -> int:
    """Return in how many ways all of them can be answered."""
    return prod(_ways(question, config) for question in questions)


def _ways(question: Question, config: Published) -> int:
    place = place_of(config, question.slot, question.candidates)
    default = _count(question.by_default, config)
    if place.trigger:
        return default  # the page has the default; the rest comes when it happens
    inside = [_count(inner, config) for inner in question.inside]
    each = [*inside, *[1] * (len(place.candidates) - len(inside))]
    if "all" in _strategies(place):  # any of them together
        return default + prod(1 + ways for ways in each) - 1
    return default + sum(each)


def _strategies(place: Place) -> set[str]:
    """Return what decides between the contents of a slot, in any arm of an experiment."""
    arms = (arm for trial in place.trials if trial.kind == STRATEGIES for arm in trial.arms)
    return {place.strategy, *(arm.content for arm in arms)}


def _segments(questions: Iterable[Question], config: Published) -> Iterator[str]:
    for question in questions:
        place = place_of(config, question.slot, question.candidates)
        for candidate in place.candidates:
            yield from candidate.segments
        yield from (trial.audience for trial in place.trials if trial.audience)
        for inner in (*question.inside, question.by_default):
            yield from _segments(inner, config)


def _answers(questions: Iterable[Question], standing: Standing, config: Published) -> Iterator[str]:
    """Yield what the page is answered, as its key has it."""
    for question in questions:
        place = place_of(config, question.slot, question.candidates)
        decision = choose(place, standing)
        yield decision.variation
        shown = {candidate.key for candidate in decision.candidates}
        for candidate, inner in zip(question.candidates, question.inside, strict=False):
            if candidate.key in shown:
                yield from _answers(inner, standing, config)
        if not shown:
            yield from _answers(question.by_default, standing, config)


def _asked_beside(template: str) -> tuple[list[PersonalizedBlock], list[str]]:
    """Return the blocks of the templates that this one names, and the segments that tags of any
    of them ask for."""
    blocks: list[PersonalizedBlock] = []
    flags: list[str] = []
    waiting, seen = [template], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen or (nodes := _nodes_of(name)) is None:
            continue
        seen.add(name)
        if name != template:
            blocks += _blocks_in(nodes)
        every = nodes.get_nodes_by_type(Node)
        flags += [slug for node in every if (slug := _flag(node))]
        waiting += [other for node in every if (other := _named(node))]
    return blocks, list(dict.fromkeys(flags))


def _mode(block: PersonalizedBlock) -> str:
    return block.mode or settings.DELIVERY


def _blocks_in(nodes: Body) -> list[PersonalizedBlock]:
    found = nodes.get_nodes_by_type(PersonalizedBlock) if isinstance(nodes, NodeList) else ()
    return [node for node in found if isinstance(node, PersonalizedBlock)]


def _nodes_of(name: str) -> NodeList | None:
    for backend in engines.all():
        if isinstance(backend, DjangoTemplates):
            try:
                return backend.get_template(name).template.nodelist
            except (TemplateSyntaxError, TemplateDoesNotExist, UnicodeDecodeError):
                continue
    return None


def _named(node: Node) -> str:
    """Return the template that a node extends or includes, where it says its name."""
    if isinstance(node, ExtendsNode):
        return _literal(node.parent_name)
    return _literal(node.template) if isinstance(node, IncludeNode) else ""


def _flag(node: Any) -> str:
    """Return the segment that `{% in_segment %}` asks for."""
    if getattr(getattr(node, "func", None), "__name__", "") != "in_segment":
        return ""
    return _literal(node.args[0]) if node.args else ""


def _literal(expression: Any) -> str:
    said = expression.var if isinstance(expression, FilterExpression) else None
    return said if isinstance(said, str) else ""
