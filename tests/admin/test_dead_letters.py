"""Events that were set aside: looked at, mended, taken in or given up."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from personalization.admin.dead_letters import REASONS
from personalization.admin.letter_text import event_name, pretty
from personalization.events.buffers.database import DatabaseBuffer
from personalization.events.models import Event, Source
from personalization.exceptions import BufferUnavailable
from personalization.ingest import quarantine
from personalization.ingest.bots import Agent
from personalization.ingest.identities import Sender
from personalization.ingest.models import DeadLetter
from personalization.ingest.outcome import Rejection
from personalization.privacy.consent import record_consent
from personalization.privacy.models import Mechanism
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity
from personalization.testing import drain

pytestmark = pytest.mark.django_db

LETTERS = reverse("admin:personalization_deadletter_changelist")
CALL = {"type": "track", "event": "Video Played", "userId": "ada@shop.example", "messageId": "one"}


@pytest.fixture
def letter(make_source: Callable[..., Source]) -> DeadLetter:
    """An event whose time cannot be read."""
    return set_aside(make_source(name="Orders"), {**CALL, "timestamp": "1 March"})


def set_aside(
    source: Source, call: Any, code: str = "invalid_timestamp", **fields: Any
) -> DeadLetter:
    rejection = Rejection(
        index=0, code=code, message="/timestamp: “1 March” is no time.", pointer="/timestamp",
        call=call,
    )  # fmt: skip
    proved = {"trusted": source.is_server, "visitor_id": None, "received_at": timezone.now()}
    quarantine.set_aside([rejection], source=source, sender=Sender(**{**proved, **fields}))
    return DeadLetter.objects.latest("pk")


def page_of(letter: DeadLetter) -> str:
    return reverse("admin:personalization_deadletter_change", args=[letter.pk])


def listed(response: Any) -> list[DeadLetter]:
    return list(response.context["cl"].result_list)


def do(client: Client, letter: DeadLetter, what: str = "replay", body: Any = None) -> Any:
    if body is None:
        body = {**json.loads(letter.body), "timestamp": None}
    sent = {"do": what, "body": body if isinstance(body, str) else json.dumps(body)}
    return client.post(page_of(letter), sent, follow=True)


def act(client: Client, action: str, *letters: DeadLetter) -> Any:
    chosen = {"action": action, "_selected_action": [each.pk for each in letters]}
    return client.post(LETTERS, chosen, follow=True)


def said(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


# -- the list -------------------------------------------------------------------------------


def test_every_reason_there_is_has_its_words() -> None:
    assert set(REASONS) == {*quarantine.KEPT, quarantine.FAILED}


def test_what_waits_is_listed_with_reason_event_and_visitor(
    owner: Client, letter: DeadLetter
) -> None:
    response = owner.get(LETTERS)
    assert listed(response) == [letter]
    text = html.unescape(response.content.decode())
    for told in ("No usable time", "Video Played", "ada@shop.example", "Orders", "“1 March”"):
        assert told in text


def test_a_long_message_is_cut_and_nobody_is_a_dash(owner: Client, letter: DeadLetter) -> None:
    DeadLetter.objects.update(message="No. " * 100, namespace="", value="")
    text = owner.get(LETTERS).content.decode()
    assert text.count("No. ") < 50
    assert '<td class="field-who">–</td>' in text


def test_the_list_is_filtered_by_reason_source_and_status(
    owner: Client, letter: DeadLetter, make_source: Callable[..., Source]
) -> None:
    source = make_source()
    old = set_aside(source, {**CALL, "messageId": "two"}, "too_old")
    over = set_aside(source, {**CALL, "messageId": "three"}, "too_old")
    DeadLetter.objects.filter(pk=over.pk).update(status="replayed")
    assert listed(owner.get(LETTERS)) == [old, letter]
    assert listed(owner.get(LETTERS, {"code": "too_old"})) == [old]
    assert listed(owner.get(LETTERS, {"source__id__exact": source.pk})) == [old]
    assert listed(owner.get(LETTERS, {"status": "replayed"})) == [over]
    assert listed(owner.get(LETTERS, {"status": "discarded"})) == []
    assert listed(owner.get(LETTERS, {"q": "two"})) == [old]
    assert listed(owner.get(LETTERS, {"q": CALL["userId"]})) == [old, letter]


def test_a_long_list_costs_no_more(
    owner: Client, make_source: Callable[..., Source], django_assert_max_num_queries: Any
) -> None:
    source = make_source()
    for n in range(30):
        set_aside(source, {**CALL, "messageId": str(n)})
    with django_assert_max_num_queries(8):
        assert len(listed(owner.get(LETTERS))) == 30


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ('{"event": "Seen", "type": "track"}', "Seen"),
        ('{"type": "page", "name": "Home"}', "Home"),
        ('{"type": "identify"}', "identify"),
        ('{"event": ["x"]}', "['x']"),
        ('{"event": "a\\u0000\\ud800"}', "a\\u0000\\ud800"),
        ("{}", ""), ("[]", ""), ("no json", ""), ("[" * 10**5, ""),
    ],
)  # fmt: skip
def test_an_event_is_called_what_it_calls_itself(body: str, name: str) -> None:
    assert event_name(DeadLetter(body=body)) == name


# -- one ------------------------------------------------------------------------------------


def test_a_letter_is_shown_with_its_reason_and_body(owner: Client, letter: DeadLetter) -> None:
    text = html.unescape(owner.get(page_of(letter)).content.decode())
    assert "/timestamp: “1 March” is no time." in text
    assert '"timestamp": "1 March"' in text
    assert '  "event": "Video Played",\n' in text
    assert "This was a person" not in text


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ('{"a":"\\u00fc"}', '{\n  "a": "ü"\n}'),
        ('{"a":"\\u0000\\ud800"}', '{\n  "a": "\\u0000\\ud800"\n}'),
        ('{"a":NaN}', '{\n  "a": NaN\n}'),
        ("no json", "no json"),
        ("[" * 10**5, "[" * 10**5),
    ],
)
def test_what_no_page_can_hold_stays_escaped(body: str, shown: str) -> None:
    assert pretty(body) == shown
    shown.encode()


def test_a_mended_event_is_taken_in(owner: Client, letter: DeadLetter) -> None:
    response = do(owner, letter)
    assert response.redirect_chain == [(LETTERS, 302)]
    assert said(response) == ["The event is taken in."]
    drain()
    assert Event.objects.get().message_id == "one"
    letter.refresh_from_db()
    assert letter.status == "replayed"
    assert letter.resolved_by == User.objects.get()
    assert LogEntry.objects.get().object_id == str(letter.pk)
    text = owner.get(page_of(letter)).content.decode()
    assert "<textarea" not in text
    assert "1 March" in text


def test_a_second_click_says_that_it_is_over(owner: Client, letter: DeadLetter) -> None:
    do(owner, letter)
    assert said(do(owner, letter)) == ["Somebody was faster: it is over."]
    drain()
    assert Event.objects.count() == 1


def test_what_is_still_wrong_is_shown_as_it_was_typed(owner: Client, letter: DeadLetter) -> None:
    response = do(owner, letter, body='{"type": "click", "userId": "u1"}')
    text = html.unescape(response.content.decode())
    assert response.status_code == 200
    assert "“click” is not known" in text
    assert '{"type": "click", "userId": "u1"}' in text
    letter.refresh_from_db()
    assert letter.status == "waiting"
    assert "The body is not JSON" in html.unescape(do(owner, letter, body="{").content.decode())


def test_an_event_is_given_up(owner: Client, letter: DeadLetter) -> None:
    assert said(do(owner, letter, "discard")) == ["The event is given up."]
    letter.refresh_from_db()
    assert letter.status == "discarded"
    assert said(do(owner, letter, "discard")) == ["Somebody was faster: it is over."]


def test_a_letter_that_is_gone_leads_to_the_list(owner: Client, letter: DeadLetter) -> None:
    address = page_of(letter)
    letter.delete()
    response = owner.get(address, follow=True)
    assert said(response) == ["There is no such event any more."]


def test_a_buffer_that_takes_nothing_is_told(
    owner: Client, letter: DeadLetter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> None:
        raise BufferUnavailable

    monkeypatch.setattr(DatabaseBuffer, "append", fail)
    assert "cannot keep events now" in do(owner, letter).content.decode()
    DeadLetter.objects.update(body=json.dumps(CALL))
    assert said(act(owner, "replay_selected", letter)) == ["The buffer cannot keep events now."]


# -- many -----------------------------------------------------------------------------------


def test_many_are_replayed_and_those_that_fail_say_why(
    owner: Client, letter: DeadLetter, make_source: Callable[..., Source]
) -> None:
    good = set_aside(make_source(), {**CALL, "messageId": "two"}, "schema_violation")
    assert said(act(owner, "replay_selected", good, letter)) == [
        "1 event is taken in.",
        "1 event is refused again: No usable time.",
    ]
    assert listed(owner.get(LETTERS)) == [letter]
    assert said(act(owner, "replay_selected", letter))[0] == "0 events are taken in."


def test_many_are_given_up(owner: Client, letter: DeadLetter) -> None:
    assert said(act(owner, "discard_selected", letter)) == ["1 event is given up."]
    assert listed(owner.get(LETTERS)) == []


# -- bots -----------------------------------------------------------------------------------


@pytest.fixture
def bot(make_source: Callable[..., Source]) -> DeadLetter:
    source = make_source(kind=Source.Kind.BROWSER)
    record_consent(
        Key(Identity.ANONYMOUS, "v1"), granted=["analytics"], mechanism=Mechanism.BANNER,
        now=timezone.now(),
    )  # fmt: skip
    agent = Agent(user_agent="FriendlyBot/1.0")
    return set_aside(source, CALL, "bot", visitor_id="v1", agent=agent)


def test_a_bot_is_let_in_as_a_person(owner: Client, bot: DeadLetter) -> None:
    text = owner.get(page_of(bot)).content.decode()
    assert "This was a person" in text
    assert "FriendlyBot/1.0" in text
    assert "crawler" in do(owner, bot, body=bot.body).content.decode(), "the rules still say so"
    assert said(do(owner, bot, "person", body=bot.body)) == ["The event is taken in."]
    drain()
    assert Event.objects.get().identity.value == "v1"


def test_bots_are_let_in_as_persons_from_the_list(owner: Client, bot: DeadLetter) -> None:
    assert said(act(owner, "replay_selected", bot)) == [
        "0 events are taken in.",
        "1 event is refused again: Sent by a program.",
    ]
    assert said(act(owner, "let_in_as_persons", bot)) == ["1 event is taken in."]


# -- who may --------------------------------------------------------------------------------


def test_who_may_look_may_not_replay(sign_in: Callable[..., Client], letter: DeadLetter) -> None:
    client = sign_in("view_deadletter", "see_traits")
    text = client.get(page_of(letter)).content.decode()
    assert "1 March" in text
    assert "<textarea" not in text
    for what in ("replay", "person", "discard"):
        assert do(client, letter, what).status_code == 403
    act(client, "replay_selected", letter)
    act(client, "discard_selected", letter)
    letter.refresh_from_db()
    assert letter.status == "waiting"


def test_who_may_not_look_sees_nothing(sign_in: Callable[..., Client], letter: DeadLetter) -> None:
    client = sign_in("view_event")
    assert client.get(LETTERS).status_code == 403
    assert client.get(page_of(letter)).status_code == 403
    assert do(client, letter).status_code == 403


def test_who_may_change_may_replay(sign_in: Callable[..., Client], letter: DeadLetter) -> None:
    client = sign_in("change_deadletter", "see_traits")
    assert said(do(client, letter)) == ["The event is taken in."]


def test_who_may_not_read_traits_replays_an_event_as_it_came(
    sign_in: Callable[..., Client], letter: DeadLetter
) -> None:
    client = sign_in("change_deadletter")
    text = client.get(page_of(letter)).content.decode()
    assert "1 March" not in text
    assert "timestamp" in text
    assert "<textarea" not in text
    mended = do(client, letter, body="{}").content.decode()
    assert "It is refused again." in mended
    assert "1 March" not in mended


def test_the_list_says_no_values_to_who_may_not_read_traits(
    sign_in: Callable[..., Client], letter: DeadLetter
) -> None:
    assert "1 March" not in sign_in("view_deadletter").get(LETTERS).content.decode()
    assert "1 March" in sign_in("view_deadletter", "see_traits").get(LETTERS).content.decode()


def test_letters_are_not_added_or_deleted_by_hand(owner: Client, letter: DeadLetter) -> None:
    assert owner.get(reverse("admin:personalization_deadletter_add")).status_code == 403
    delete = reverse("admin:personalization_deadletter_delete", args=[letter.pk])
    assert owner.post(delete, {"post": "yes"}).status_code == 403


def test_what_an_event_says_is_shown_and_not_run(
    owner: Client, make_source: Callable[..., Source]
) -> None:
    evil = '"><script>alert(1)</script>'
    letter = set_aside(make_source(), {**CALL, "event": evil, "properties": {evil: evil}})
    for address in (LETTERS, page_of(letter)):
        assert "<script>alert" not in owner.get(address).content.decode()
    assert "<script>alert" not in do(owner, letter, body="</textarea>" + evil).content.decode()
