from __future__ import annotations

import html
import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from personalization import hints
from personalization.revisions import Revision
from personalization.segments.manual import add_members
from personalization.segments.models import Segment
from personalization.segments.runs import Refresh
from personalization.segments.templates import TEMPLATES
from tests.admin.rules import CART, did, group, in_segment, prop, rule, trait

pytestmark = pytest.mark.django_db


def errors(response, field: str = "rule") -> list[str]:
    assert response.status_code == 200, "it was saved"
    return list(response.context["adminform"].form.errors.get(field, []))


def revision() -> int:
    return Revision.objects.get(pk=Revision.ID).number


def test_a_segment_is_saved_and_a_worker_is_woken(
    owner, save_segment, monkeypatch, django_capture_on_commit_callbacks
):
    sent: list[str] = []
    monkeypatch.setattr(hints, "_send", sent.append)
    with django_capture_on_commit_callbacks(execute=True):
        assert save_segment(owner, rule=CART).status_code == 302
    segment = Segment.objects.get(slug="shoe-lovers")
    assert segment.rule == CART
    assert sent == [hints.REFRESH_SEGMENTS]


def test_a_saved_change_reaches_the_pages(owner, save_segment, make_segment):
    segment = make_segment("shoe-lovers", CART)
    before = revision()
    changed = rule(did("Product Viewed", 3))
    assert save_segment(owner, segment=segment, rule=changed).status_code == 302
    segment.refresh_from_db()
    assert segment.rule == changed
    assert revision() > before


def test_the_slug_of_a_saved_segment_stays(owner, save_segment, make_segment):
    segment = make_segment("shoe-lovers", CART)
    save_segment(owner, segment=segment, slug="boot-lovers", rule=CART)
    segment.refresh_from_db()
    assert segment.slug == "shoe-lovers"


def test_a_segment_by_rule_needs_a_rule_and_one_by_hand_none(owner, save_segment):
    [message] = errors(save_segment(owner, rule=""))
    assert "needs a rule" in message
    assert save_segment(owner, rule="", kind="manual").status_code == 302
    assert Segment.objects.get().rule is None


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.slug)
def test_every_template_can_be_saved_as_it_is(owner, save_segment, template):
    assert save_segment(owner, rule=dict(template.rule)).status_code == 302


@pytest.mark.parametrize(
    ("data", "line", "found", "allowed"),
    [
        (rule(did("Product Viewed"), did("Product Added", -1)), "Line 2:", "-1", "0 to 1000"),
        (rule(group(did("Product Viewed", operator="about"))), "Line 1.1:", "about", "&gt;="),
        (
            rule(did("Product Added", where=group(prop("price", "=", "cheap")))),
            "Line 1 where 1:",
            "cheap",
            "number",
        ),
        (
            rule(did("Product Added", where=group(prop("price", "contains", "9")))),
            "Line 1 where 1:",
            "contains",
            "&lt;=",
        ),
        (
            rule({"kind": "feature", "field": "cart.addz", "operator": ">", "value": 1}),
            "Line 1:",
            "cart.addz",
            "cart.adds",
        ),
        (rule(in_segment("nobodies")), "Line 1:", "nobodies", "guests"),
        (rule({"kind": "consent", "purpose": "spying"}), "Line 1:", "spying", "marketing"),
        (rule({"kind": "guess"}), "Line 1:", "guess", "trait"),
        (rule(did("Product Added", last="P1M")), "Line 1:", "P1M", "P30D"),
        (rule(did("Product Added", last="P3000D")), "Line 1:", "3000 days", "750 days"),
        (rule(trait("age", "=", "old")), "Line 1:", "old", "number"),
        (rule(), "The rule:", "at least one condition", ""),
        ({"version": 2, "root": group(did("Engaged"))}, "The rule:", "2", "1"),
    ],
)
def test_a_message_names_the_line_the_value_and_what_is_allowed(
    owner, save_segment, make_segment, data, line, found, allowed
):
    make_segment("guests")
    response = save_segment(owner, rule=data)
    shown = [message for message in errors(response) if message.startswith(line)]
    assert shown, errors(response)
    text = html.escape(" ".join(shown), quote=False)
    assert html.escape(found, quote=False) in text
    assert allowed in text
    assert html.escape(shown[0]) in response.content.decode()
    assert not Segment.objects.filter(slug="shoe-lovers").exists()


def test_all_problems_are_told_at_once(owner, save_segment):
    data = rule(did("Product Added", -1), group(did("", 1)), {"kind": "guess"})
    lines = {message.split(":")[0] for message in errors(save_segment(owner, rule=data))}
    assert lines >= {"Line 1", "Line 2.1", "Line 3"}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{", "line 1, column 2"),
        ("[1,]", "not valid JSON"),
        ('{"version": NaN}', "NaN"),
        ('{"version": 1, "root": "\\u0000"}', "NUL"),
        ('{"version": 1, "root": "\\ud800"}', "half of a character"),
        ('{"\\u0000": 1}', "NUL"),
        ("[" * 100_000, "nested too deep"),
        ('{"version": ' + "1" * 5000 + "}", "not valid JSON"),
        ("5", "The rule:"),
        ('"text"', "The rule:"),
        ("[]", "The rule:"),
        ("true", "The rule:"),
    ],
)
def test_garbage_in_the_textarea_is_refused_with_a_word_and_kept(owner, save_segment, text, word):
    response = save_segment(owner, rule=text)
    assert word in " ".join(errors(response))
    kept = response.context["adminform"].form["rule"].value()
    assert str(kept) == text
    assert html.escape(text) in response.content.decode()


def test_a_segment_cannot_refer_to_itself(owner, save_segment, make_segment):
    segment = make_segment("shoe-lovers", CART)
    data = rule(did("Engaged"), in_segment("shoe-lovers"))
    [message] = errors(save_segment(owner, segment=segment, rule=data))
    assert message.startswith("Line 2:")
    assert "shoe-lovers → shoe-lovers" in message
    # nor before it is there at all
    segment.delete()
    assert errors(save_segment(owner, rule=data))


def test_a_circle_through_others_is_found_though_the_stored_rule_has_none(
    owner, save_segment, make_segment
):
    first = make_segment("first", CART)
    make_segment("second", rule(in_segment("first")))
    make_segment("third", rule(in_segment("second")))
    data = rule(group(did("Engaged"), in_segment("third")))
    [message] = errors(save_segment(owner, segment=first, rule=data))
    assert message.startswith("Line 1.2:")
    assert "circle" in message
    assert save_segment(owner, segment=first, rule=rule(did("Engaged"))).status_code == 302


def test_a_rule_that_names_a_broken_segment_says_so(owner, save_segment, make_segment):
    make_segment("wreck", {"version": 9})
    [message] = errors(save_segment(owner, rule=rule(in_segment("wreck"))))
    assert "“Wreck”" in message
    assert "broken" in message


def test_the_textarea_shows_the_stored_rule_readably(owner, make_segment):
    segment = make_segment("shoe-lovers", rule(trait("plan", "=", "größer")))
    page = owner.get(reverse("admin:personalization_segment_change", args=[segment.pk]))
    text = page.context["adminform"].form["rule"].value()
    assert json.loads(text) == segment.rule
    assert "größer" in text
    assert "\n" in text


def test_deactivating_a_segment_that_others_speak_of_is_refused(owner, save_segment, make_segment):
    segment = make_segment("shoe-lovers", CART)
    make_segment("boots", rule(in_segment("shoe-lovers")), name="Boot lovers")
    response = save_segment(owner, segment=segment, rule=CART, active=None)
    assert "“Boot lovers”" in errors(response, "active")[0]
    segment.refresh_from_db()
    assert segment.active


def test_members_are_put_in_and_taken_out_by_hand(owner, save_segment, make_segment, make_profile):
    segment = make_segment("guests")
    ada, kim = make_profile(identity="ada"), make_profile(identity="kim")
    saved = save_segment(owner, segment=segment, kind="manual", put_in=f"ada\r\n\r\n {kim.pk} \r\n")
    assert saved.status_code == 302
    assert set(segment.memberships.values_list("profile", flat=True)) == {ada.pk, kim.pk}
    save_segment(owner, segment=segment, kind="manual", take_out="ada")
    page = owner.get(reverse("admin:personalization_segment_change", args=[segment.pk]))
    assert [member.membership.profile for member in page.context["overview"].members] == [kim]


def test_unknown_visitors_cannot_be_put_in(owner, save_segment, make_segment):
    segment = make_segment("guests")
    response = save_segment(owner, segment=segment, kind="manual", put_in="nobody\n" + "9" * 5000)
    assert len(errors(response, "put_in")) == 2
    assert "“nobody”" in errors(response, "put_in")[0]


def test_the_page_takes_as_many_queries_for_many_segments_and_members(
    owner, make_segment, make_profile, django_assert_max_num_queries
):
    segment = make_segment("guests")
    for index in range(20):
        make_segment(f"other-{index}", rule(in_segment("guests")))
    members = [make_profile().pk for _ in range(30)]
    add_members(segment, members, now=timezone.now())
    address = reverse("admin:personalization_segment_change", args=[segment.pk])
    with django_assert_max_num_queries(20):
        owner.get(address)


def test_many_are_put_in_with_few_queries(
    owner, save_segment, make_segment, make_profile, django_assert_max_num_queries
):
    segment = make_segment("guests")
    names = [f"guest-{index}" for index in range(150)]
    for name in names:
        make_profile(identity=name)
    with django_assert_max_num_queries(180):  # each membership moves on by itself
        save_segment(owner, segment=segment, kind="manual", put_in="\n".join(names))
    assert segment.memberships.count() == 150
    too_many = "\n".join(f"guest-{index}" for index in range(201))
    response = save_segment(owner, segment=segment, kind="manual", put_in=too_many)
    assert "200 visitors at most" in errors(response, "put_in")[0]


def test_only_who_may_see_profiles_puts_them_in(sign_in, save_segment, make_segment, make_profile):
    segment = make_segment("guests")
    make_profile(identity="ada")
    editor = sign_in("change_segment")
    save_segment(editor, segment=segment, kind="manual", put_in="ada")
    assert not segment.memberships.exists()


# -- its end, and what it counts -----------------------------------------------------------


def test_an_end_a_priority_and_a_weight_are_saved(owner, save_segment):
    fields = {
        "ends_at_0": "2030-12-24", "ends_at_1": "18:00", "priority": "3", "weight": "2.5",
    }  # fmt: skip
    assert save_segment(owner, rule=CART, **fields).status_code == 302
    segment = Segment.objects.get()
    assert (segment.priority, segment.weight) == (3, 2.5)
    assert segment.ends_at.isoformat() == "2030-12-24T18:00:00+00:00"


def test_what_is_left_empty_is_as_it_was(owner, save_segment, make_segment):
    save_segment(owner, rule=CART, priority="", weight="")
    segment = Segment.objects.get()
    assert (segment.ends_at, segment.priority, segment.weight) == (None, 10, 1.0)
    Segment.objects.update(priority=3, weight=2.5)
    segment.refresh_from_db()
    save_segment(owner, segment=segment, rule=CART, priority="", weight="")
    segment.refresh_from_db()
    assert (segment.priority, segment.weight) == (3, 2.5)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("weight", "-1"), ("weight", "nan"), ("weight", "inf"), ("weight", "heavy"),
        ("priority", "-1"), ("priority", "1.5"), ("priority", "99999999"),
        ("ends_at_0", "tomorrow"),
    ],
)  # fmt: skip
def test_what_counts_for_nothing_is_refused(owner, save_segment, field, value):
    fields = {field: value, **({"ends_at_1": "18:00"} if field == "ends_at_0" else {})}
    assert errors(save_segment(owner, rule=CART, **fields), field.removesuffix("_0"))
    assert not Segment.objects.exists()


def test_members_are_put_in_until_when_it_is_said(owner, save_segment, make_segment, make_profile):
    vips, profile = make_segment("vips"), make_profile(identity="visitor-of-ann")
    fields = {
        "kind": "manual", "put_in": "visitor-of-ann",
        "put_in_until_0": "2030-12-24", "put_in_until_1": "18:00",
    }  # fmt: skip
    assert save_segment(owner, segment=vips, **fields).status_code == 302
    [membership] = profile.memberships.all()
    assert membership.until.isoformat() == "2030-12-24T18:00:00+00:00"


def test_nobody_is_put_in_until_an_instant_that_is_over(
    owner, save_segment, make_segment, make_profile
):
    vips, profile = make_segment("vips"), make_profile(identity="visitor-of-ann")
    response = save_segment(
        owner,
        segment=vips,
        kind="manual",
        put_in="visitor-of-ann",
        put_in_until_0="2020-12-24",
        put_in_until_1="18:00",
    )
    assert errors(response, "put_in_until") == ["This is over already."]
    assert not profile.memberships.exists()


def test_nobody_is_put_into_a_segment_that_has_ended(
    owner, save_segment, make_segment, make_profile
):
    vips, profile = make_segment("vips"), make_profile(identity="visitor-of-ann")
    ended = {"ends_at_0": "2020-12-24", "ends_at_1": "18:00"}
    response = save_segment(owner, segment=vips, kind="manual", put_in="visitor-of-ann", **ended)
    assert errors(response, "put_in") == ["The segment has ended: nobody can come in."]
    assert not profile.memberships.exists()
    assert save_segment(owner, segment=vips, kind="manual", **ended).status_code == 302


def test_the_page_of_an_ended_segment_says_so(owner, make_segment):
    ended = make_segment("ended", ends_at=timezone.now() - timedelta(hours=1))
    page = owner.get(reverse("admin:personalization_segment_change", args=[ended.pk]))
    text = page.content.decode()
    assert "nobody is in it any more. Give it a later end" in text
    assert "Put in from a file" not in text
    to_come = make_segment("to-come", ends_at=timezone.now() + timedelta(days=3, hours=1))
    page = owner.get(reverse("admin:personalization_segment_change", args=[to_come.pk]))
    assert "(in 3\xa0days" in page.content.decode()


# -- a rule that was good when it was saved ------------------------------------------------


def test_the_page_names_what_is_wrong_with_a_rule_and_where(owner, make_segment):
    guests = make_segment("guests")
    segment = make_segment("lounge", rule(did("Product Added"), in_segment("guests")))
    address = reverse("admin:personalization_segment_change", args=[segment.pk])
    assert "mend it below" not in owner.get(address).content.decode()
    Segment.objects.filter(pk=guests.pk).update(active=False)
    text = html.unescape(owner.get(address).content.decode())
    assert "The rule cannot be used as it stands; mend it below and save:" in text
    assert "Line 2:" in text
    assert "the last good one, decides" not in text


def test_the_page_tells_which_version_stands_in(owner, make_segment):
    make_segment("guests", active=False)
    segment = make_segment("lounge", rule(did("Product Added"), in_segment("guests")))
    good = segment.versions.create(number=501, rule=rule(did("Product Added")))
    Segment.objects.filter(pk=segment.pk).update(serving=good)
    address = reverse("admin:personalization_segment_change", args=[segment.pk])
    text = html.unescape(owner.get(address).content.decode())
    assert "Until then version 501 of" in text


def test_the_page_tells_that_a_new_rule_is_not_in_force_yet(owner, make_segment):
    segment = make_segment("cart", CART)
    old = segment.versions.create(number=501, rule=rule(did("Product Added")))
    Segment.objects.filter(pk=segment.pk).update(serving=old)
    address = reverse("admin:personalization_segment_change", args=[segment.pk])
    assert "Version 501 is in force until" in owner.get(address).content.decode()


def test_the_page_says_when_each_request_decides(owner, make_segment):
    phone = {"kind": "context", "field": "device", "operator": "=", "value": "mobile"}
    live = make_segment("phones", rule(phone))
    stored = make_segment("cart", CART)
    nested = make_segment("phones-with-cart", rule(in_segment("phones"), in_segment("cart")))
    for segment, says in ((live, True), (nested, True), (stored, False)):
        page = owner.get(reverse("admin:personalization_segment_change", args=[segment.pk]))
        assert ("Each page decides anew" in page.content.decode()) == says


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "A worker goes through all visitors: 40 of 100 are done."),
        ({"failures": 2, "error": "the disk is full"}, "another follows: the disk is full"),
        ({"heartbeat_at": timezone.now() - timedelta(hours=1)}, "Is one running?"),
    ],
)
def test_the_page_says_how_far_a_worker_is(owner, make_segment, fields, said):
    segment = make_segment("cart", CART)
    now = timezone.now()
    Refresh.objects.create(
        **{
            "targets": {str(segment.serving_id): "x"},
            "done": 40,
            "total": 100,
            "started_at": now,
            "heartbeat_at": now,
            **fields,
        }
    )
    address = reverse("admin:personalization_segment_change", args=[segment.pk])
    assert said in owner.get(address).content.decode()
