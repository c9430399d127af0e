"""What the pages of slots say of their variations: what runs, how often it was seen, and where."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from personalization.admin import slot_figures
from personalization.admin.slot_figures import Figures, figures_of
from personalization.admin.slot_state import counts_at, schedule_words, sentence, state_at
from personalization.delivery.models import Slot, Variation
from personalization.segments.models import Segment
from tests.admin.rules import CART
from tests.admin.test_slots import form

pytestmark = pytest.mark.django_db

LIST = reverse("admin:personalization_slot_changelist")
NOW = timezone.now()
HOUR = timedelta(hours=1)


@pytest.fixture
def slot() -> Slot:
    return Slot.objects.create(slug="hero", name="Hero")


@pytest.fixture
def vary(slot: Slot, make_segment: Any) -> Any:
    segment = make_segment("cart", CART)

    def make(name: str = "A", **fields: Any) -> Variation:
        usual = {"slot": slot, "segment": segment, "content": "x"}
        return Variation.objects.create(name=name, **{**usual, **fields})

    return make


def page_of(client: Any, slot: Slot) -> str:
    address = reverse("admin:personalization_slot_change", args=[slot.pk])
    return str(client.get(address).content.decode())


# -- states ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "idle", "state"),
    [
        ({}, False, "running"),
        ({"starts_at": NOW}, False, "running"),
        ({"starts_at": NOW - HOUR, "ends_at": NOW + HOUR}, False, "running"),
        ({"starts_at": NOW + HOUR}, False, "scheduled"),
        ({"ends_at": NOW}, False, "ended"),
        ({"ends_at": NOW - HOUR}, True, "ended"),
        ({"starts_at": NOW + HOUR}, True, "idle"),
        ({}, True, "idle"),
        ({"active": False, "ends_at": NOW - HOUR}, False, "off"),
        ({"active": False}, True, "off"),
    ],
)
def test_a_variation_and_the_list_say_the_same_of_its_state(
    vary: Any, slot: Slot, fields: dict[str, Any], idle: bool, state: str
) -> None:
    variation = vary(**fields)
    if idle:
        Segment.objects.update(active=False)
        variation.segment.refresh_from_db()
    assert state_at(NOW, variation=variation) == state
    counted = Slot.objects.annotate(**counts_at(NOW)).get()
    states = ("running", "scheduled", "ended", "idle", "off")
    assert {each: getattr(counted, f"n_{each}") for each in states} == {
        each: int(each == state) for each in states
    }


def test_a_slot_without_variations_counts_none(slot: Slot) -> None:
    counted = Slot.objects.annotate(**counts_at(NOW)).get()
    assert [counted.n_running, counted.n_scheduled, counted.n_off] == [0, 0, 0]  # type: ignore[attr-defined]


def test_the_list_says_what_runs_and_what_is_to_come(owner: Any, vary: Any) -> None:
    vary("A")
    vary("B", starts_at=timezone.now() + HOUR)
    vary("C", ends_at=timezone.now() - HOUR)
    text = owner.get(LIST).content.decode()
    for said in (">1 running<", ">1 scheduled<", ">1 ended<"):
        assert said in text


@pytest.mark.parametrize(
    ("starts", "ends", "said"),
    [
        (None, None, ""),
        ((2031, 5, 1, 8, 0), None, "from 1 May 2031, 08:00 on"),
        (None, (2031, 6, 1), "until 1 Jun 2031, 00:00"),
        ((2031, 5, 1), (2031, 6, 1), "1 May 2031, 00:00 – 1 Jun 2031, 00:00"),
    ],
)
def test_a_schedule_is_said_in_words(starts: Any, ends: Any, said: str) -> None:
    def at(parts: Any) -> datetime | None:
        return timezone.make_aware(datetime(*parts)) if parts else None

    assert schedule_words(Variation(starts_at=at(starts), ends_at=at(ends))) == said


# -- sentences ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "Shows all whose segments the visitor is in, one after the other."),
        ({"strategy": "random"}, "Shows one by chance, always the same to a visitor."),
        (
            {"strategy": "weight", "trigger": "scroll_depth", "trigger_value": 50},
            "Shows the one whose segments weigh most, once 50 % of the page were scrolled to.",
        ),
        (
            {
                "strategy": "priority", "trigger": "exit_intent", "presentation": "dialog",
                "cap_total": 9, "cap_daily": 2, "cap_ignored": 3,
            },
            "Shows the first by priority whose segment the visitor is in, when the visitor is "
            "about to leave, in a dialog, at most 9 × in all, 2 × in 24 hours, 3 × without a "
            "click to a visitor.",
        ),
    ],
)  # fmt: skip
def test_a_slot_is_said_in_a_sentence(fields: dict[str, Any], said: str) -> None:
    assert sentence(Slot(slug="s", name="s", **fields), usual="all") == said


@pytest.mark.parametrize("trigger", [each for each in Slot.Trigger.values if each])
def test_every_trigger_has_words(trigger: str) -> None:
    said = sentence(Slot(trigger=trigger, trigger_value=7), usual="priority")
    assert trigger not in said
    assert "%(" not in said


# -- figures -----------------------------------------------------------------------------------


@pytest.fixture
def happen(make_profile: Any, make_event: Any) -> Any:
    profile = make_profile()

    def make(name: str, variation: str, *, slot: str = "hero", hours: float = 1) -> None:
        properties = {"slot": slot, "variation": variation, "decision_id": "d"}
        make_event(profile, name, at=NOW - timedelta(hours=hours), properties=properties)

    return make


def test_what_was_shown_and_clicked_is_counted_by_what_it_was(happen: Any) -> None:
    for variation in ("variation:1", "variation:1", "variation:2", "variation:1+variation:2"):
        happen("Slot Shown", variation)
    happen("Slot Clicked", "variation:1")
    happen("Slot Shown", "variation:1", slot="other")
    happen("Slot Shown", "variation:1", hours=24 * 7 + 1)
    happen("Slot Dismissed", "variation:1")
    assert figures_of("hero", now=NOW) == {
        "variation:1": Figures(shown=3, clicked=1),
        "variation:2": Figures(shown=2),
    }


def test_an_event_without_a_variation_counts_for_none(make_profile: Any, make_event: Any) -> None:
    make_event(make_profile(), "Slot Shown", at=NOW, properties={"slot": "hero"})
    assert figures_of("hero", now=NOW) == {}


def test_figures_are_read_in_one_query_with_an_end(
    happen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(5):
        happen("Slot Shown", f"variation:{n}")
    with CaptureQueriesContext(connection) as queries:
        assert len(figures_of("hero", now=NOW) or {}) == 5
    events = [query for query in queries if "personalization_event" in query["sql"]]
    assert len(events) == 1

    def slow(*args: object, **kwargs: object) -> None:
        raise OperationalError("interrupted")

    monkeypatch.setattr(slot_figures, "bounded", slow)
    assert figures_of("hero", now=NOW) is None


def test_the_page_shows_the_figures_of_each_variation(
    owner: Any, slot: Slot, vary: Any, happen: Any
) -> None:
    one = vary("One")
    for _ in range(4):
        happen("Slot Shown", one.key)
    happen("Slot Clicked", one.key)
    for _ in range(2):
        happen("Slot Shown", "template:0:cart")
    html = page_of(owner, slot)
    assert '<td>4</td><td>1 <span class="pz-quiet">25.0 %</span></td>' in html
    assert "What templates have for it was shown 2 times and clicked 0 times." in html


def test_figures_are_for_those_alone_who_may_see_events(
    sign_in: Any, slot: Slot, vary: Any, happen: Any
) -> None:
    happen("Slot Shown", vary("One").key)
    assert "Clicked</th>" not in page_of(sign_in("view_slot"), slot)
    assert "Clicked</th>" in page_of(sign_in("view_slot", "view_event"), slot)


# -- the page ------------------------------------------------------------------------------------


def test_chance_is_said_in_percent_of_what_runs(owner: Any, slot: Slot, vary: Any) -> None:
    Slot.objects.update(strategy="random")
    vary("One", share=3)
    vary("Two", share=1)
    vary("Off", share=5, active=False)
    html = page_of(owner, slot)
    assert "75 %</span>" in html
    assert "25 %</span>" in html


def test_templates_that_use_it_are_named_with_how_it_is_delivered(
    owner: Any, tmp_path: Any, settings: Any
) -> None:
    (tmp_path / "home.html").write_text(
        '{% load personalization %}{% personalized_block "corner" deferred %}d'
        '{% variant "cart" %}c{% endpersonalized_block %}'
        '{% personalized_block "other" %}d{% endpersonalized_block %}'
    )
    (tmp_path / "late.html").write_text(
        '{% load personalization %}{% personalized_block "corner" %}d{% endpersonalized_block %}'
    )
    settings.TEMPLATES = [
        {**settings.TEMPLATES[0], "DIRS": [tmp_path, *settings.TEMPLATES[0]["DIRS"]]}
    ]
    slot = Slot.objects.create(slug="corner", name="Corner", trigger="exit_intent")
    html = page_of(owner, slot)
    assert '<code>home.html</code> <span class="pz-chip">deferred</span>' in html
    assert "with variants for cart" in " ".join(html.split()).replace("</span> ", " ")
    assert '<code>late.html</code> <span class="pz-chip">inline</span>' in html
    assert html.count("Its trigger needs the browser") == 1


def test_a_slot_that_no_template_uses_says_how(owner: Any) -> None:
    slot = Slot.objects.create(slug="nowhere", name="Nowhere")
    assert "personalized_block &quot;nowhere&quot;" in page_of(owner, slot).replace(
        '"nowhere"', "&quot;nowhere&quot;"
    )


def test_each_variation_leads_to_its_preview(sign_in: Any, slot: Slot, vary: Any) -> None:
    vary("One")
    link = f"{reverse('admin:personalization_slot_preview')}?kind=segments&amp;segments=cart"
    assert link in page_of(sign_in("view_slot", "preview"), slot)
    assert "?kind=" not in page_of(sign_in("view_slot"), slot)
    assert "Preview</a>" in sign_in("view_slot", "preview").get(LIST).content.decode()


def test_the_page_takes_as_many_queries_for_many_variations(
    owner: Any, slot: Slot, vary: Any, django_assert_max_num_queries: Any
) -> None:
    vary("One")
    page_of(owner, slot)
    with CaptureQueriesContext(connection) as few:
        page_of(owner, slot)
    n_queries = len(few)
    for n in range(12):
        vary(f"V{n}", segment=Segment.objects.create(slug=f"s{n}", name=f"S{n}", kind="manual"))
    page_of(owner, slot)
    with django_assert_max_num_queries(n_queries):
        page_of(owner, slot)


# -- what is refused -----------------------------------------------------------------------------


def save(client: Any, *variations: dict[str, Any], **fields: Any) -> str:
    answer = client.post(reverse("admin:personalization_slot_add"), form(*variations, **fields))
    assert answer.status_code == 200, "saved"
    assert not Slot.objects.exists()
    return str(answer.content.decode())


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"cap_total": 3, "cap_daily": 3}, "3 is never reached: it ends with 3 times in all."),
        ({"cap_total": 3, "cap_ignored": 8}, "8 is never reached: it ends with 3 times in all."),
        ({"cap_total": 0}, "greater than or equal to 1"),
        ({"trigger": "scroll_depth"}, "A number from 1 to 100 is needed; none is given."),
        ({"trigger": "scroll_depth", "trigger_value": 101}, "101 is given."),
        ({"trigger_value": 5}, "5 is given, but there is nothing to wait for"),
        ({"presentation": "dialog"}, "A dialog opens by a trigger"),
    ],
)
def test_what_cannot_be_meant_is_refused(owner: Any, fields: dict[str, Any], said: str) -> None:
    assert said in save(owner, **fields)


def test_a_variation_that_ends_before_it_begins_is_refused(owner: Any, make_segment: Any) -> None:
    variation = {
        "segment": make_segment("cart", CART).pk, "name": "A", "content": "x", "priority": 5,
        "share": 1, "starts_at_0": "2031-05-02", "starts_at_1": "10:00",
        "ends_at_0": "2031-05-02", "ends_at_1": "10:00",
    }  # fmt: skip
    assert "It ends before it begins" in save(owner, variation)
    assert "finite" not in save(owner, {**variation, "share": "-1"})
    variation["ends_at_1"] = "10:01"
    answer = owner.post(reverse("admin:personalization_slot_add"), form(variation))
    assert answer.status_code == 302


@pytest.mark.parametrize("share", ["-1", "nan", "inf", "", "much"])
def test_a_share_that_is_none_is_refused(owner: Any, make_segment: Any, share: str) -> None:
    variation = {
        "segment": make_segment("cart", CART).pk, "name": "A", "content": "x", "priority": 5,
        "share": share,
    }  # fmt: skip
    save(owner, variation)


def test_everything_a_slot_can_be_told_is_saved(owner: Any, make_segment: Any) -> None:
    variation = {
        "segment": make_segment("cart", CART).pk, "name": "A", "content": "x", "priority": 5,
        "share": 2.5, "active": "on", "cap_daily": 1, "starts_at_0": "2031-05-02",
        "starts_at_1": "10:00",
    }  # fmt: skip
    fields = {
        "strategy": "random", "trigger": "inactivity", "trigger_value": 30,
        "presentation": "dialog", "cap_total": 9, "cap_ignored": 3,
    }  # fmt: skip
    address = reverse("admin:personalization_slot_add")
    assert owner.post(address, form(variation, **fields)).status_code == 302
    slot, saved = Slot.objects.get(), Variation.objects.get()
    assert {name: getattr(slot, name) for name in fields} == fields
    assert (saved.share, saved.cap_daily) == (2.5, 1)
    assert saved.starts_at == timezone.make_aware(datetime(2031, 5, 2, 10))
