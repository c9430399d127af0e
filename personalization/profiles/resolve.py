"""Who is one person: identities to groups, by what was said of them and when.

A pure function of sets. Each identity starts alone. An operator's words come first,
then the links in the order of the times they were stated: each joins the groups of its
two ends, unless a group would then have more identities of one namespace than a person
may have, or two that an operator keeps apart. A link that is refused stays refused, so
a shared device belongs to whoever it was linked with first, however late that is heard.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from personalization.profiles.identity import Key
from personalization.types import Microseconds

#: Stands for every namespace that the limits do not name.
OTHERS = "*"
MOST_OTHERS = 50


@dataclass(frozen=True, slots=True)
class Link:
    """A trusted source said at the instant `at` that both are one person."""

    one: Key
    other: Key
    at: Microseconds
    message_id: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """An operator said at the instant `at` that both are one person, or that they are not."""

    one: Key
    other: Key
    together: bool
    at: Microseconds


@dataclass(frozen=True)
class Limits:
    """How many identities of a namespace one profile may have, those that count most first."""

    most: Mapping[str, int]

    def of(self, namespace: str) -> int:
        return self.most.get(namespace, self.most.get(OTHERS, MOST_OTHERS))

    def rank(self, key: Key) -> tuple[int, str, str]:
        """Return the place of `key` among the identities of an event, the least the first."""
        place = self._places.get(key.namespace, self._places[OTHERS])
        return place, key.namespace, key.value

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {name: place for place, name in enumerate(dict.fromkeys([*self.most, OTHERS]))}


@dataclass(frozen=True)
class Resolution:
    """The groups, in no particular order, and the links that joined them."""

    groups: tuple[frozenset[Key], ...]
    joining: tuple[Link, ...]


def resolve(
    identities: Iterable[Key],
    *,
    links: Iterable[Link] = (),
    verdicts: Collection[Verdict] = (),
    limits: Limits,
) -> Resolution:
    """Return who is one person. Links and verdicts may name only `identities`."""
    groups = _Groups(identities, verdicts, limits)
    words = sorted(verdicts, key=lambda verdict: (-verdict.at, verdict.one, verdict.other))
    for verdict in words:
        if verdict.together:
            groups.join(verdict.one, verdict.other, forced=True)
    joining = [
        link
        for link in sorted(links, key=lambda link: _order(link, limits))
        if groups.join(link.one, link.other)
    ]
    return Resolution(groups.all(), tuple(joining))


def _order(link: Link, limits: Limits) -> tuple[object, ...]:
    """Of one event, the identities that count more are joined first."""
    return (link.at, link.message_id, *sorted((limits.rank(link.one), limits.rank(link.other))))


@dataclass(eq=False)
class _Group:
    members: set[Key]
    numbers: Counter[str]
    #: Whom an operator keeps apart from members of this group.
    strangers: set[Key] = field(default_factory=set)


class _Groups:
    """Disjoint sets of identities that grow."""

    def __init__(
        self, identities: Iterable[Key], verdicts: Iterable[Verdict], limits: Limits
    ) -> None:
        self._limits = limits
        self._of = {key: _Group({key}, Counter([key.namespace])) for key in identities}
        for verdict in verdicts:
            if not verdict.together:
                self._of[verdict.one].strangers.add(verdict.other)
                self._of[verdict.other].strangers.add(verdict.one)

    def all(self) -> tuple[frozenset[Key], ...]:
        return tuple(frozenset(group.members) for group in {*self._of.values()})

    def join(self, one: Key, other: Key, *, forced: bool = False) -> bool:
        """Make the groups of both one, if that may be; return whether it was done."""
        small, large = sorted(
            (self._of[one], self._of[other]), key=lambda group: len(group.members)
        )
        if small is large or not small.strangers.isdisjoint(large.members):
            return False
        if not forced and self._too_many(small, large):
            return False
        large.members |= small.members
        large.numbers.update(small.numbers)
        large.strangers |= small.strangers
        self._of.update(dict.fromkeys(small.members, large))
        return True

    def _too_many(self, small: _Group, large: _Group) -> bool:
        """Only a namespace of which both have some counts: what was forced stays as it is."""
        return any(
            namespace in large.numbers and n + large.numbers[namespace] > self._limits.of(namespace)
            for namespace, n in small.numbers.items()
        )
