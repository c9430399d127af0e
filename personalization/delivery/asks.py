"""What the page of one request asks of its visitor so that caches may keep it, with the answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from personalization.delivery.choose import Decision, Reason
from personalization.delivery.learned import Asked, Learned
from personalization.delivery.page_key import DEFAULT_KEY, Answer, Ask, key_of

#: Why somebody sees all defaults, whatever is asked.
_REFUSALS = frozenset({"no_id", "no_consent", "bot", "paused"})


@dataclass
class Asks:
    """All that the page may depend on, each question with its answer.

    That is what the page asked itself, in order, and what caches were told when they looked
    for a version: one may have found a part of the page, and that part asks nothing any more.
    `torn` says that the answers do not go together, as those of somebody who became another
    in the middle of the page; then there is no key that is right.
    """

    #: None stands for somebody who sees all defaults.
    answers: dict[Ask, Answer | None] = field(default_factory=dict)
    #: What the page asked itself, with the decision as it was first made.
    decided: dict[Ask, Decision] = field(default_factory=dict)
    shown: set[Ask] = field(default_factory=set)
    #: What is shown, as far as caches that were told the key had the page.
    foreseen: dict[Ask, Decision] = field(default_factory=dict)
    learned: Learned | None = None
    torn: bool = False
    #: How much the page had asked when a cache first asked for the key; None: none did.
    asked_before: int | None = None
    _refused: bool | None = None
    _last: dict[str, Ask] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether the page asked anything itself."""
        return bool(self.decided)

    @property
    def keyed(self) -> bool:
        """Whether the page asked anything itself, or a cache looked for a version of it."""
        return self.asked_before is not None or bool(self.decided)

    @property
    def from_cache(self) -> bool:
        """Whether nothing was rendered, as far as can be told: a cache that asked had the page."""
        return self.asked_before == len(self.decided) and not self.shown

    def note(self, ask: Ask, decision: Decision, *, revision: int) -> None:
        """Note what the page is told."""
        self._answer(ask, decision, revision=revision)
        if self.torn:
            self.decided[ask] = decision
        self.decided.setdefault(ask, decision)
        self._last[ask.slot] = ask

    def foresee(self, ask: Ask, decision: Decision, *, revision: int, shown: bool) -> None:
        """Note what a cache is told before the page asks, if it does."""
        self._answer(ask, decision, revision=revision)
        if shown:
            self.foreseen[ask] = decision

    def look_up(self) -> None:
        """Note that a cache asks for the key."""
        if self.asked_before is None:
            self.asked_before = len(self.decided)

    def key(self, *, refused: bool) -> str | None:
        """Return the key of the version; None if there is none that is right."""
        self._stand(refused=refused)
        if self.torn:
            return None
        if refused:
            return DEFAULT_KEY
        return key_of(_given(self.answers))

    def show(self, decision: Decision) -> Decision:
        """Note that the visitor sees what was decided; return the decision as it was made."""
        ask = self._last.get(decision.slot)
        if ask is None or decision.id:  # with the page for one visitor
            return decision
        self.shown.add(ask)
        return self.decided[ask]

    def render(self) -> Sequence[Asked]:
        """Return what the page asked itself, for whoever learns from it."""
        return [
            Asked(ask, answer.keys if (answer := self.answers[ask]) else (), ask in self.shown)
            for ask in self.decided
        ]

    def seen_from_cache(self) -> Sequence[Decision]:
        """Return what the visitor sees of a page that was kept."""
        return list(self.foreseen.values()) if self.from_cache else []

    def _answer(self, ask: Ask, decision: Decision, *, revision: int) -> None:
        refused = decision.reason in _REFUSALS
        self._stand(refused=refused)
        keys = tuple(one.key for one in decision.candidates)
        answer = None if refused else Answer(revision, keys)
        self.torn = self.torn or self.answers.setdefault(ask, answer) != answer

    def _stand(self, *, refused: bool) -> None:
        """Who sees all defaults and who does not are two, though the request be one."""
        if self._refused is None:
            self._refused = refused
        self.torn = self.torn or self._refused != refused


def told(decision: Decision) -> Decision:
    """Return what a page that caches keep may know of a decision: as much as its key tells.

    Why, with what chance and under which id is of one visitor.
    """
    reason: Reason = "segment" if decision.candidates else "no_match"
    return replace(decision, reason=reason, probability=1.0, id="", assigned=())


def _given(answers: dict[Ask, Answer | None]) -> dict[Ask, Answer]:
    return {ask: answer for ask, answer in answers.items() if answer is not None}
