"""What a protocol is: its routes, and how its requests become calls of the Segment spec.

A protocol is a folder below `protocols/` with an `adapter.py`; `contract` tests hold
each to what is promised here. Adapters are pure: values in, values out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from personalization.exceptions import RequestRejected
from personalization.ingest.message import Message
from personalization.ingest.outcome import Outcome
from personalization.registry import Registry


@dataclass(frozen=True, kw_only=True)
class Route:
    """An address: a regular expression below the prefix of the site, with or without a
    slash at its end. A `document` is asked for, takes no events and needs no key."""

    path: str
    call: str
    methods: tuple[str, ...] = ("POST",)
    document: bool = False


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """What a request carries: raw events, and what is said about all of them.

    `keys` are what may be a write key; `sent_at` is the client's clock as it was stated.
    A `single` event that is refused refuses its request.
    """

    events: Sequence[Any]
    keys: Sequence[Any] = ()
    sent_at: Any = None
    single: bool = False


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A mapping is sent as JSON."""

    body: Mapping[str, Any] | bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


class Adapter:
    """Turns the requests of one protocol into calls. Without state: one serves all requests."""

    routes: ClassVar[Sequence[Route]] = ()

    def open(self, message: Message) -> Envelope:
        """Return what the request carries.

        :raises RequestRejected: when the whole of it cannot be understood.
        """
        raise NotImplementedError

    def call(self, event: Any, message: Message) -> Any:
        """Return one raw event as a call of the Segment spec.

        :raises EventRejected: when this one cannot be understood.
        """
        return event

    def asks_for_each(self, message: Message) -> bool:
        """Return whether the answer is to say which events are duplicates (one query)."""
        return False

    def answer(self, outcome: Outcome, message: Message) -> Answer:
        """Return the answer to a request whose good events are kept."""
        return Answer(body=outcome.to_json())

    def refuse(self, error: RequestRejected, message: Message) -> Answer:
        """Return the answer to a request that is refused as a whole."""
        return refusal(error)

    def document(self, message: Message) -> Answer:
        """Return the document that clients of the protocol read before they send."""
        raise NotImplementedError


def refusal(error: RequestRejected) -> Answer:
    """Return what every client can read: some retry a 4xx without `code` and `message`."""
    body = {"code": error.code, "message": str(error)}
    return Answer(body=body, status=error.status, headers=error.headers)


adapters: Registry[type[Adapter]] = Registry("protocol")
