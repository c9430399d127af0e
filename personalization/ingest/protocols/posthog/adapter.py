"""PostHog's capture API, for its libraries: events, and the documents that its browser
library reads before and between.

Source: PostHog's public capture service (`rust/capture`) and its libraries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from personalization.exceptions import EventRejected, Unauthorized
from personalization.ingest.adapter import Adapter, Answer, Envelope, Route, adapters
from personalization.ingest.message import Message
from personalization.ingest.outcome import Outcome
from personalization.ingest.protocols.posthog.body import SAID, data_of, events_of
from personalization.ingest.protocols.posthog.calls import call_of
from personalization.ingest.protocols.posthog.documents import config_of, flags_of, script_of
from personalization.ingest.reading import MILLISECOND, shown, time_of

PATHS = ("batch", "e", "i/v0/e", "capture", "track", "engage")
KEYS = ("api_key", "token")
_READ = ("GET", "POST")


@adapters.register("posthog")
class PostHog(Adapter):
    routes = (
        *(Route(path=path, call="events") for path in PATHS),
        Route(path="i/v1/analytics/events", call="results"),
        Route(path="flags", call="flags", methods=_READ, document=True),
        Route(path="decide", call="decide", methods=_READ, document=True),
        Route(path=r"array/(?P<key>[^/]+)/config", call="config", methods=("GET",), document=True),
        Route(
            path=r"array/(?P<key>[^/]+)/config\.js", call="script", methods=("GET",), document=True
        ),
    )

    def open(self, message: Message) -> Envelope:
        data = data_of(message)
        body = data if isinstance(data, Mapping) else {}
        events = events_of(data)
        stated = [*_keys(body), *_keys(message.query)]
        return Envelope(
            events=events,
            keys=stated or _keys_of_events(events),
            sent_at=_sent_at(body, events, message),
            single=bool(body) and "batch" not in body,
        )

    def call(self, event: Any, message: Message) -> Any:
        return call_of(event, message)

    def answer(self, outcome: Outcome, message: Message) -> Answer:
        if message.call == "results":
            return Answer(body={"results": self._results(outcome, message)})
        if message.query.get("beacon") == "1":
            return Answer(body=b"", status=204)
        return Answer(body={"status": "Ok"})

    def document(self, message: Message) -> Answer:
        if message.call in ("flags", "decide"):
            return Answer(body=flags_of(message.call))
        key = message.parameters["key"]
        if message.call == "config":
            return Answer(body=config_of(key))
        return Answer(body=script_of(key), content_type="text/javascript")

    def _results(self, outcome: Outcome, message: Message) -> Mapping[str, Any]:
        """Return what became of each event, by its uuid; those beyond the limit come again."""
        results: dict[str, Any] = {
            arrival.message_id: {"result": "ok"} for arrival in outcome.arrivals
        }
        events = self.open(message).events if outcome.rejected else []
        for rejection in outcome.rejected:
            if rejection.code == "batch_too_long":
                results |= {
                    _uuid(event): {"result": "retry"} for event in events[rejection.index :]
                }
            else:
                dropped = {"result": "drop", "details": rejection.message}
                results[_uuid(events[rejection.index])] = dropped
        return {uuid: result for uuid, result in results.items() if not uuid.endswith(SAID)}


def _uuid(event: Any) -> str:
    return shown(event.get("uuid")) if isinstance(event, Mapping) else ""


def _keys(data: Mapping[str, Any]) -> list[Any]:
    return [data[name] for name in KEYS if data.get(name)]


def _keys_of_events(events: list[Any]) -> list[Any]:
    """Return the one key that the events of a request carry.

    :raises Unauthorized: when they carry several.
    """
    keys = list(dict.fromkeys(key for event in events for key in _event_keys(event)))
    if len(keys) > 1:
        raise Unauthorized("The events of a request belong to one project key.", code="mixed_keys")
    return keys


def _event_keys(event: Any) -> Iterator[str]:
    if isinstance(event, Mapping):
        properties = event.get("properties")
        inside = _keys(properties) if isinstance(properties, Mapping) else []
        yield from (key for key in [*_keys(event), *inside] if isinstance(key, str))


def _sent_at(body: Mapping[str, Any], events: list[Any], message: Message) -> Any:
    """Return the client's clock, or None when the times of the events are to stand."""
    if body.get("historical_migration") is True or any(map(_stands, events)):
        return None
    stated = body.get("sent_at") or message.headers.get("PostHog-Request-Timestamp")
    try:
        return stated or time_of(message.query.get("_"), unit=MILLISECOND, pointer="/_")
    except EventRejected:  # a clock that cannot be read corrects nothing
        return None


def _stands(event: Any) -> bool:
    """Return whether an event asks to be kept at the time that it states."""
    for place, name in (("properties", "$ignore_sent_at"), ("options", "disable_skew_correction")):
        said = event.get(place) if isinstance(event, Mapping) else None
        if isinstance(said, Mapping) and said.get(name) is True:
            return True
    return False
