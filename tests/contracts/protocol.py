"""What every protocol must do, whoever writes it: subclass the contract and give samples."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import urlencode

import pytest
from django.http import HttpResponse
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personalization.events.models import Event, Source
from personalization.exceptions import EventRejected, RequestRejected, TooMany, Unauthorized
from personalization.ingest.adapter import Adapter, Answer, Route, adapters
from personalization.ingest.calls import read_event
from personalization.ingest.identities import Sender
from personalization.ingest.message import Message
from personalization.ingest.outcome import Outcome, Rejection
from personalization.testing import drain
from tests.effort import examples

KEY = "server-key"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SENDER = Sender(trusted=True, visitor_id=None, received_at=NOW)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A request that a client really sends, with the key `server-key`, and how many calls
    it makes; `body` is sent as JSON unless it is bytes."""

    path: str
    calls: int
    body: Any = b""
    method: str = "POST"
    content_type: str = "application/json"
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def route_of(adapter: Adapter, path: str) -> Route:
    return next(route for route in adapter.routes if re.fullmatch(f"{route.path}/?", path))


def message_of(sample: Sample, route: Route, *, content: bytes | None = None) -> Message:
    found = re.fullmatch(f"{route.path}/?", sample.path)
    return Message(
        call=route.call,
        method=sample.method,
        body=sample.content if content is None else content,
        content_type=sample.content_type,
        headers=sample.headers,
        query=sample.query,
        parameters=found.groupdict() if found else {},
        base="https://shop.example/p",
        address="203.0.113.9",
        received_at=NOW,
    )


# -- junk -----------------------------------------------------------------------------

TEXT = st.text(st.characters(), max_size=12)  # with NUL and lone surrogates
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), TEXT, st.integers(10**300, 10**310)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"deeper": [value]}
    return value


ODD = st.sampled_from(
    ["", " ", "null", 0, -1, 1e308, 10**400, "9" * 5000, True, [], {}, [[]], [{}], {"value": {}},
     "2026-01-01T00:00:00Z", "{", '{"a": 1}', "\ud800", "\x00", "http://[", "x" * 300, deep(100)]
)  # fmt: skip
JUNK = JSON | ODD


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where something lies in a JSON value, the value itself first."""
    yield path
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from places(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))


def replaced(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    """Return `value` with `junk` at one place."""
    if not path:
        return junk
    changed = copy.deepcopy(value)
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = junk
    return changed


def _often(n: int) -> Any:
    return settings(examples(n), suppress_health_check=[*HealthCheck])


# -- the contract ---------------------------------------------------------------------


class ProtocolContract:
    """A protocol of your own passes it too:

        class TestMine(ProtocolContract):
            protocol = "mine"
            samples = (Sample(path="mine/event", body={"key": "server-key"}, calls=1),)

    Those tests that do not ask for the database may not use it: adapters are pure.
    """

    protocol: ClassVar[str]
    samples: ClassVar[Sequence[Sample]]

    @property
    def adapter(self) -> Adapter:
        found = adapters.get(self.protocol)
        assert found is not None
        return found()

    def test_a_real_request_becomes_calls_that_can_be_read(self) -> None:
        for sample in self.samples:
            calls = self._calls(sample)
            assert len(calls) == sample.calls
            for call in calls:
                assert read_event(call, sender=SENDER).key.value

    def test_the_same_request_becomes_the_same_calls_again(self) -> None:
        for sample in self.samples:
            assert self._calls(sample) == self._calls(sample)

    def test_a_raw_event_is_json_so_that_it_can_be_measured(self) -> None:
        for sample in self.samples:
            route = route_of(self.adapter, sample.path)
            if not route.document:
                envelope = self.adapter.open(message_of(sample, route))
                assert json.loads(json.dumps(envelope.events)) == envelope.events

    def test_no_raw_event_is_changed_when_it_is_read(self) -> None:
        for sample in self.samples:
            route = route_of(self.adapter, sample.path)
            if not route.document:
                message = message_of(sample, route)
                events = self.adapter.open(message).events
                before = json.dumps(events)
                for event in events:
                    self.adapter.call(event, message)
                assert json.dumps(events) == before

    @_often(30)
    @given(content=st.binary(max_size=100) | st.sampled_from([b"", b"{", b"data=", b"data=e30="]))
    def test_any_bytes_are_read_or_refused(self, content: bytes) -> None:
        for sample in self.samples:
            self._judge(sample, content)

    @_often(40)
    @given(junk=JUNK)
    def test_any_json_is_read_or_refused(self, junk: Any) -> None:
        for sample in self.samples:
            self._judge(sample, json.dumps(junk).encode())

    @_often(150)
    @given(data=st.data())
    def test_what_is_of_a_wrong_type_somewhere_is_read_or_refused(self, data: Any) -> None:
        bodies = [sample for sample in self.samples if not isinstance(sample.body, bytes)]
        if not bodies:
            return
        sample = data.draw(st.sampled_from(bodies), label="sample")
        path = data.draw(st.sampled_from(list(places(sample.body))), label="place")
        body = replaced(sample.body, path, data.draw(JUNK, label="junk"))
        self._judge(sample, json.dumps(body).encode())

    @pytest.mark.parametrize("levels", [20, 200, 400, 480, 100_000])
    def test_what_is_nested_somewhere_without_end_is_read_or_refused(self, levels: int) -> None:
        nested = '{"a":[' * levels + "1" + "]}" * levels
        for sample in self.samples:
            for path in places(sample.body) if not isinstance(sample.body, bytes) else ():
                content = json.dumps(replaced(sample.body, path, "HERE"))
                self._judge(sample, content.replace('"HERE"', nested).encode())

    @_often(60)
    @given(data=st.data())
    def test_any_query_and_headers_are_read_or_refused(self, data: Any) -> None:
        sample = data.draw(st.sampled_from(list(self.samples)))
        strange = st.text(st.characters(codec="latin-1"), max_size=12)
        for name in ("query", "headers"):
            known = getattr(sample, name)
            names = st.sampled_from([*known, "a", "properties.", "ce-id", "compression"]) | strange
            odd = data.draw(st.dictionaries(names, strange, max_size=3), label=name)
            sample = replace(sample, **{name: {**known, **odd}})
        self._judge(sample, sample.content)

    def test_every_refusal_is_an_answer(self) -> None:
        for route in self.adapter.routes:
            message = Message(call=route.call)
            for error in (RequestRejected("no"), Unauthorized(), TooMany(retry_after=7)):
                answer = self.adapter.refuse(error, message)
                _check(answer)
                assert answer.status == error.status or 200 <= answer.status < 300

    @pytest.mark.django_db
    def test_every_call_of_a_real_request_is_stored(
        self, client: Client, server: Source, settings: Any
    ) -> None:
        self._switch_on(settings)
        for sample in self.samples:
            before = Event.objects.count()
            assert 200 <= request(client, sample).status_code < 300
            drain()
            assert Event.objects.count() == before + sample.calls, sample.path

    @pytest.mark.django_db
    def test_a_slash_at_the_end_changes_nothing(
        self, client: Client, server: Source, settings: Any
    ) -> None:
        self._switch_on(settings)
        for sample in self.samples:
            other = sample.path[:-1] if sample.path.endswith("/") else f"{sample.path}/"
            first = request(client, sample)
            second = request(client, replace(sample, path=other))
            assert first.status_code == second.status_code
            assert 200 <= first.status_code < 300

    @pytest.mark.django_db
    def test_a_protocol_that_is_off_is_not_there(
        self, client: Client, server: Source, settings: Any
    ) -> None:
        settings.PERSONALIZATION_PROTOCOLS = ()
        for sample in self.samples:
            response = request(client, sample)
            assert response.status_code == 404
            assert response.json()["code"] == "not_found"
        assert drain() == 0

    @pytest.mark.django_db
    def test_other_methods_are_refused_and_the_right_ones_named(
        self, client: Client, settings: Any
    ) -> None:
        self._switch_on(settings)
        for sample in self.samples:
            response = request(client, replace(sample, method="PUT"))
            assert response.status_code == 405
            allowed = response.headers["Allow"].split(", ")
            assert set(route_of(self.adapter, sample.path).methods) <= set(allowed)

    @pytest.mark.django_db
    def test_nothing_is_kept_with_a_key_that_nobody_has(
        self, client: Client, settings: Any
    ) -> None:
        self._switch_on(settings)
        for sample in self.samples:
            request(client, sample)
        assert drain() == 0
        assert not Event.objects.exists()

    def _switch_on(self, settings: Any) -> None:
        settings.PERSONALIZATION_PROTOCOLS = (self.protocol,)

    def _calls(self, sample: Sample) -> list[Any]:
        route = route_of(self.adapter, sample.path)
        message = message_of(sample, route)
        if route.document:
            _check(self.adapter.document(message))
            return []
        return [self.adapter.call(event, message) for event in self.adapter.open(message).events]

    def _judge(self, sample: Sample, content: bytes) -> None:
        """Demand that nothing but a refusal is raised."""
        route = route_of(self.adapter, sample.path)
        message = message_of(sample, route, content=content)
        try:
            if route.document:
                return _check(self.adapter.document(message))
            envelope = self.adapter.open(message)
        except RequestRejected as error:
            return _check(self.adapter.refuse(error, message))
        outcome = Outcome()
        for index, event in enumerate(envelope.events):
            try:
                outcome.arrivals.append(
                    read_event(self.adapter.call(event, message), sender=SENDER)
                )
                outcome.places.append(index)
            except EventRejected as error:
                outcome.rejected.append(Rejection(index=index, code=error.code, message=str(error)))
        _check(self.adapter.answer(outcome, message))
        return None


def _check(answer: Answer) -> None:
    """Demand that an answer can be sent."""
    assert 200 <= answer.status < 600
    if not isinstance(answer.body, bytes):
        json.dumps(answer.body, ensure_ascii=False).encode()


def request(client: Client, sample: Sample) -> HttpResponse:
    query = f"?{urlencode(sample.query)}" if sample.query else ""
    return client.generic(
        sample.method,
        f"/p/{sample.path}{query}",
        sample.content,
        content_type=sample.content_type,
        headers=dict(sample.headers),
    )
