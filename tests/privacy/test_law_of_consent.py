"""Law 6: whatever visitors answer, in whatever order, nothing is kept or used that they refuse."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.http import HttpRequest
from django.test import Client, RequestFactory
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from personalization.delivery import published
from personalization.delivery.published import Candidate
from personalization.delivery.visitor import Visitor
from personalization.events.models import BufferedBatch, Event, Source
from personalization.events.write_keys import add_write_key
from personalization.exceptions import IdentitySuppressed
from personalization.ingest.models import DeadLetter, HeldEvent
from personalization.ingest.pipeline import process_events
from personalization.ingest.tidy import tidy_quarantine
from personalization.privacy.consent import record_consent
from personalization.privacy.erasure.request import request_erasure
from personalization.privacy.expiry import expire_consents
from personalization.privacy.models import Consent, Mechanism
from personalization.privacy.subjects import person_of
from personalization.profiles.identity import Key, find
from personalization.profiles.models import Identity, Snapshot
from personalization.profiles.visitor import new_visitor_id, signed
from personalization.segments.manual import add_members
from personalization.segments.models import Membership, Segment, Webhook, WebhookDelivery
from personalization.types import ASKED_PURPOSES, COLLECTING_PURPOSES
from tests.conftest import BROWSER
from tests.effort import examples

pytestmark = pytest.mark.django_db

BROWSER_KEY, SERVER_KEY = "law-browser-key", "law-server-key"
VISITORS, USERS = 3, ("ann", "bob")
ALL = [purpose.value for purpose in ASKED_PURPOSES]
GRANTS = st.sets(st.sampled_from(ALL))
WHO, USER = st.integers(0, VISITORS - 1), st.sampled_from(USERS)


@dataclass
class Told:
    """What a person said last, to the knowledge of the test: the model is this simple.

    `granted` is None before any answer. Whoever is found to be one person shares one.
    """

    granted: frozenset[str] | None = None
    at: int = -1


@dataclass
class Browser:
    """A device: what is in its cookies, and whether it objects."""

    visitor_id: str = field(default_factory=new_visitor_id)
    agreed: frozenset[str] | None = None
    despite: bool = False
    objects: bool = False

    @property
    def forbids(self) -> bool:
        """Whether it objects, and its visitor did not agree in spite of that."""
        return self.objects and not (self.despite and self.agreed)

    @property
    def headers(self) -> dict[str, str]:
        return {"user-agent": BROWSER, **({"sec-gpc": "1"} if self.objects else {})}

    @property
    def cookies(self) -> dict[str, str]:
        cookies = {"pz_id": signed(self.visitor_id)}
        if self.agreed is not None:
            token = ["signal"] if self.despite and self.agreed else []
            cookies["pz_consent"] = f"1.{'-'.join([*sorted(self.agreed), *token])}"
        return cookies


class LawOfConsent(RuleBasedStateMachine):
    """Three browsers and two users; the strict twin is below."""

    strict = False

    def __init__(self) -> None:
        super().__init__()
        self.point = transaction.atomic()
        self.point.__enter__()
        self.now = datetime.now(UTC) - timedelta(hours=5)
        self.step = 0
        self.sent: dict[str, tuple[Key, bool]] = {}
        self.browsers = [Browser() for _ in range(VISITORS)]
        self.answers: dict[Key, Told] = {}
        self.together: dict[Key, Key] = {}
        for kind, key in (("browser", BROWSER_KEY), ("server", SERVER_KEY)):
            source = Source.objects.create(slug=f"law-{kind}", name=kind, kind=kind)
            add_write_key(source, key=key)
        published.forget()
        self.segment = Segment.objects.create(slug="law", name="Law", kind=Segment.Kind.MANUAL)
        self.webhook = Webhook.objects.create(
            name="Ads", url="https://ads.example/", secret="whsec_x", purpose="marketing"
        )

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.point.__exit__(None, None, None)

    # -- what people do ----------------------------------------------------------------------

    @rule(who=WHO, granted=GRANTS)
    def answer(self, who: int, granted: set[str]) -> None:
        """In the banner, in a browser that does not object."""
        browser = self.browsers[who]
        if browser.objects:
            return
        self._answer(self._key(who), frozenset(granted))
        browser.agreed, browser.despite = frozenset(granted), False

    @rule(who=WHO, granted=GRANTS)
    def answer_in_spite_of_the_signal(self, who: int, granted: set[str]) -> None:
        browser = self.browsers[who]
        self._answer(self._key(who), frozenset(granted))
        browser.agreed, browser.despite = frozenset(granted), True

    @rule(user=USER, granted=GRANTS)
    def answer_by_api(self, user: str, granted: set[str]) -> None:
        self._answer(Key(Identity.USER, user), frozenset(granted))

    @rule(who=WHO)
    def switch_the_signal(self, who: int) -> None:
        self.browsers[who].objects = not self.browsers[who].objects

    @rule(who=WHO, granted=GRANTS)
    def answer_and_object_later(self, who: int, granted: set[str]) -> None:
        """The two above in a row, which chance alone brings together too seldom."""
        self.browsers[who].objects = False
        self.answer(who=who, granted=granted)
        self.browsers[who].objects = True

    @rule(who=WHO, hours=st.integers(0, 4), name=st.sampled_from(["Seen", "Page Viewed"]))
    def browse(self, who: int, hours: int, name: str) -> None:
        self._send(who, self._call(name, hours=hours))

    @rule(who=WHO, stated=GRANTS, explicit=st.booleans())
    def browse_with_another_consent_tool(self, who: int, stated: set[str], explicit: bool) -> None:
        name = "Segment Consent Preference Updated" if explicit else "Seen"
        preferences = {purpose.value: purpose.value in stated for purpose in ASKED_PURPOSES}
        call = self._call(name, context={"consent": {"categoryPreferences": preferences}})
        self._send(who, call, stated=frozenset(stated), explicit=explicit)

    @rule(user=USER, hours=st.integers(0, 4))
    def the_server_reports(self, user: str, hours: int) -> None:
        key = Key(Identity.USER, user)
        self._serve(self._call("Order Completed", userId=user, hours=hours), key)

    @rule(who=WHO, user=USER)
    def log_in(self, who: int, user: str) -> None:
        """The server says that the visitor is the user: profiles merge where both may be kept."""
        visitor = self._key(who)
        call = self._call("", type="identify", userId=user, anonymousId=visitor.value)
        self._serve(call, Key(Identity.USER, user), visitor)

    @rule(who=WHO)
    def nonsense(self, who: int) -> None:
        """What cannot be read is set aside, but of nobody who refuses."""
        self._send(who, {**self._call("Seen"), "event": None})

    @rule(user=USER)
    def erasure(self, user: str) -> None:
        key = Key(Identity.USER, user)
        if key not in find([key]):
            return
        self._work()
        request_erasure(person_of([key]), channel="command", now=self._tick())
        whole = self._person(key)
        for each in [key for key in self.together if self._person(key) == whole] + [key]:
            self.answers.pop(each, None)
            self.together.pop(each, None)
        for who, browser in enumerate(self.browsers):
            if self._key(who) not in find([self._key(who)]):
                self.browsers[who] = Browser(objects=browser.objects)
        # What happened until then is gone and does not come back.
        self.sent = {}
        assert not Event.objects.filter(identity__namespace="user", identity__value=user).exists()

    @rule()
    def the_worker_works(self) -> None:
        self._work()

    @rule()
    def time_tidies_up(self) -> None:
        tidy_quarantine(now=self._tick())
        expire_consents(now=self.now)

    @precondition(lambda self: Snapshot.objects.exists())
    @rule(who=WHO)
    def enter_a_segment(self, who: int) -> None:
        found = find([self._key(who)])
        if found:
            add_members(self.segment, [next(iter(found.values())).profile_id], now=self._tick())

    # -- what has to be so -------------------------------------------------------------------

    @invariant()
    def what_waits_is_of_nobody_who_was_never_asked(self) -> None:
        if not self.strict:
            return
        profiles = set(Consent.objects.values_list("identity__profile", flat=True))
        assert set(Snapshot.objects.values_list("pk", flat=True)) <= profiles
        answered = Identity.objects.filter(profile__in=profiles).values_list("value", flat=True)
        for model in (HeldEvent, DeadLetter):
            assert set(model.objects.values_list("value", flat=True)) <= set(answered)

    @invariant()
    def snapshots_say_what_was_answered_last(self) -> None:
        if self.step and BufferedBatch.objects.exists():
            return  # another consent tool's answer may still be among what waits
        for snapshot in Snapshot.objects.prefetch_related("profile__identities"):
            told = self._newest(
                Key(each.namespace, each.value) for each in snapshot.profile.identities.all()
            )
            assert set(snapshot.consents) == (told.granted or frozenset()), snapshot

    @invariant()
    def nothing_is_shown_by_what_is_refused(self) -> None:
        """Nor is a yes to one purpose one to another; and whoever agreed is shown what is theirs."""
        for who, browser in enumerate(self.browsers):
            allowed = self._may_be_used(who)
            visitor = self._visitor(browser)
            assert {each for each in ALL if visitor.has_consent(each)} == allowed
            decision = visitor.decide("hero", [Candidate(("law",), "theirs")])
            is_shown = decision.variation == "theirs"
            assert is_shown == ("personalization" in allowed and self._is_member(who))

    @invariant()
    def webhooks_know_of_nobody_who_had_not_agreed(self) -> None:
        for delivery in WebhookDelivery.objects.all():
            for change in delivery.payload["changes"]:
                if change["type"] == "entered":
                    assert change["profileId"] in self._agreed_once()

    # -- how it is done ----------------------------------------------------------------------

    def _tick(self) -> datetime:
        self.step += 1
        self.now += timedelta(seconds=1)
        return self.now

    def _key(self, who: int) -> Key:
        return Key(Identity.ANONYMOUS, self.browsers[who].visitor_id)

    def _call(self, name: str, *, hours: int = 0, **fields: Any) -> dict[str, Any]:
        at = self._tick() - timedelta(hours=hours)
        call = {"type": "track", "messageId": f"m{self.step}", "timestamp": at.isoformat()}
        return {**call, "event": name, **fields}

    def _answer(self, key: Key, granted: frozenset[str]) -> None:
        self._work()  # so that the model knows of all answers that wait
        try:
            record_consent(key, granted=granted, mechanism=Mechanism.BANNER, now=self._tick())
        except IdentitySuppressed:  # erased, and has not come back
            assert not granted & COLLECTING_PURPOSES
            return
        self.answers[key] = Told(granted, self.step)
        self.together.setdefault(key, key)

    def _work(self) -> None:
        """Have what waits processed; whatever is stored by it has to be allowed now."""
        before = set(Event.objects.values_list("message_id", flat=True))
        process_events(now=self._tick())
        for event in Event.objects.exclude(message_id__in=before).select_related("identity"):
            self._may_be_kept(event)

    def _may_be_kept(self, event: Event) -> None:
        identity = event.identity
        snapshot = Snapshot.objects.get(profile=identity.profile_id)
        agreed = set(snapshot.consents) & COLLECTING_PURPOSES
        keys = [Key(each.namespace, each.value) for each in identity.profile.identities.all()]
        told = self._newest(keys)
        vouched = event.source.slug == "law-server" and not self.strict and told.granted is None
        assert agreed or vouched, (event, told)
        assert event.message_id in self.sent, "kept although the browser objected"

    def _newest(self, keys: Any) -> Told:
        return max((self.answers.get(key, Told()) for key in keys), key=lambda told: told.at)

    def _visitor(self, browser: Browser) -> Visitor:
        request: HttpRequest = RequestFactory(headers=browser.headers).get("/")
        request.COOKIES = browser.cookies
        return Visitor(request, now=self.now)

    def _may_be_used(self, who: int) -> frozenset[str]:
        """Return what the visitor, on whichever device, and this very browser agree to."""
        browser, found = self.browsers[who], find([self._key(who)])
        if browser.forbids or browser.agreed is None or not found:
            return frozenset()
        [identity] = found.values()
        keys = [Key(each.namespace, each.value) for each in identity.profile.identities.all()]
        return self._newest(keys).granted or frozenset()

    def _is_member(self, who: int) -> bool:
        rows = Membership.objects.filter(segment=self.segment, until=None)
        return rows.filter(profile=self._person(self._key(who))).exists()

    def _person(self, key: Key) -> int:
        found = find([key])
        return found[key].profile_id if key in found else -1

    def _agreed_once(self) -> set[int]:
        rows = Consent.objects.filter(purpose="marketing", granted=True)
        return set(rows.values_list("identity__profile", flat=True))

    def _send(
        self,
        who: int,
        call: dict[str, Any],
        *,
        stated: frozenset[str] | None = None,
        explicit: bool = False,
    ) -> None:
        browser = self.browsers[who]
        client = Client(headers=browser.headers)
        client.cookies.load(browser.cookies)
        objected = browser.forbids
        if not objected:
            self.sent[call["messageId"]] = (self._key(who), False)
        self._post(client, BROWSER_KEY, call)
        if stated is not None:
            self._state(self._key(who), stated, objected=objected, explicit=explicit)

    def _state(self, key: Key, stated: frozenset[str], *, objected: bool, explicit: bool) -> None:
        """Have the worker read it at once, and take over the answer that it has recorded."""
        before = self._consents(key)
        known = key in find([key])
        self._work()
        after = self._consents(key)
        if objected:
            assert after <= before, "a browser that objects has granted something"
        # An event that only repeats a no goes no further than the door, and so does whatever an
        # objecting browser sends but the event of a change.
        is_read = explicit and (known or not objected)
        is_read = is_read or (not objected and bool(stated & COLLECTING_PURPOSES))
        if is_read and key in find([key]):
            granted = stated & before if objected else stated
            assert after == granted
            self.answers[key] = Told(granted, self.step)

    def _consents(self, key: Key) -> frozenset[str]:
        found = find([key])
        if key not in found:
            return frozenset()
        return frozenset(Snapshot.objects.get(profile=found[key].profile_id).consents)

    def _serve(self, call: dict[str, Any], *keys: Key) -> None:
        self.sent[call["messageId"]] = (keys[0], True)
        self._post(Client(), SERVER_KEY, call)
        self._work()

    def _post(self, client: Client, key: str, call: dict[str, Any]) -> None:
        body = json.dumps({"batch": [call]})
        answer = client.generic(
            "POST", f"/p/v1/batch?writeKey={key}", body, content_type="application/json"
        )
        assert answer.status_code == 200


class StrictLaw(LawOfConsent):
    strict = True


_settings = settings(
    examples(12),
    stateful_step_count=20,
    suppress_health_check=[*HealthCheck],
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)


def test_no_order_of_answers_signals_merges_and_erasures_keeps_what_is_refused() -> None:
    run_state_machine_as_test(LawOfConsent, settings=_settings)


def test_nor_on_a_site_that_is_strict(settings: Any) -> None:
    settings.PERSONALIZATION_PRIVACY = "strict"
    run_state_machine_as_test(StrictLaw, settings=_settings)
