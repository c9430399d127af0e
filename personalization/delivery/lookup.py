"""Under which key caches look for the version of a page that its visitor is to see, and keep it."""

from __future__ import annotations

from personalization.delivery.attempt import attempt
from personalization.delivery.choose import Decision, is_refused
from personalization.delivery.learned import Learned, learn, recall
from personalization.delivery.page_key import Ask, one_of_a_kind
from personalization.delivery.visitor import Visitor


def page_key(visitor: Visitor) -> str:
    """Return the key of the page for this visitor: of all it asked, and is going to ask as far as
    its last renders tell. What was answered here is part of the key from then on.

    Of a page that asks nothing, or of which nothing is known yet, all have the same, and no page
    that asks something is kept under it. For a visitor we do not know nothing is read; for one
    we know, what a page reads anyway and one entry of Django's cache.
    """
    visitor.asks.look_up()
    if _is_apart(visitor):
        return one_of_a_kind()
    refused = not visitor.known or is_refused(visitor.standing)
    if not refused and visitor.asks.learned is None:
        what = "Foreseeing what a page asks"
        attempt(lambda: _foresee(visitor), otherwise=None, what=what)
    key = visitor.asks.key(refused=refused)
    visitor.used = visitor.used or visitor.asks.torn
    return key or one_of_a_kind()


def _is_apart(visitor: Visitor) -> bool:
    """Return whether the page depends on more than its key, or nobody else is to see it."""
    if visitor.used or visitor.failures or (visitor.beside and not visitor.shareable):
        return True
    return visitor.ticket is not None or visitor.preview is not None


def _foresee(visitor: Visitor) -> None:
    """Answer what the page is going to ask."""
    asks, made = visitor.asks, dict[Ask, Decision]()
    asks.learned = _recalled(visitor)

    def answer(ask: Ask) -> tuple[str, ...]:
        made[ask] = visitor.decision(ask.slot, ask.candidates, mode="keyed")
        return tuple(one.key for one in made[ask].candidates)

    for ask, shown in asks.learned.path(answer):
        revision = visitor.published.revision
        asks.foresee(ask, made[ask], revision=revision, shown=shown)


def remember(visitor: Visitor) -> None:
    """Learn from a render what the page asks."""
    request, known = visitor.request, visitor.asks.learned
    known = _recalled(visitor) if known is None else known
    attempt(
        lambda: learn(request.get_host(), request.path, render=visitor.asks.render(), known=known),
        otherwise=None,
        what="Remembering what a page asks",
    )


def _recalled(visitor: Visitor) -> Learned:
    request = visitor.request
    return attempt(
        lambda: recall(request.get_host(), request.path),
        otherwise=Learned(),
        what="Recalling what a page asks",
    )
