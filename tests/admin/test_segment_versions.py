"""The versions of a segment: who changed what and why, and back to one of them."""

from __future__ import annotations

import html

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from personalization import hints
from personalization.admin.segment_versions import DiffLine, difference, rule_lines
from personalization.segments.catalogue import catalogue
from personalization.segments.models import Segment, SegmentVersion
from personalization.segments.versions import credit, newest_number
from tests.admin.rules import CART, did, group, in_segment, rule

pytestmark = pytest.mark.django_db

VIEWED = rule(did("Product Viewed", 3))
FIRST, SECOND = 501, 502


@pytest.fixture
def segment(make_segment):
    """A segment whose rule was CART and is VIEWED."""
    made = make_segment("cart", VIEWED, name="Cart")
    ada = User.objects.create_user("ada")
    made.versions.create(number=FIRST, rule=CART, created_by=ada, note="At the beginning")
    made.versions.create(number=SECOND, rule=VIEWED)
    return made


def address(name, segment, *numbers):
    return reverse(f"admin:personalization_segment_{name}", args=[segment.pk, *numbers])


def text_of(response) -> str:
    assert response.status_code == 200
    return html.unescape(response.content.decode())


# -- list --------------------------------------------------------------------------------


def test_versions_are_listed_with_when_who_why_and_what(owner, segment):
    text = text_of(owner.get(address("versions", segment)))
    assert text.index(f"Version {SECOND}") < text.index(f"Version {FIRST}")
    assert "ada" in text
    assert "At the beginning" in text
    assert "Visitors who added a product to the cart" in text
    assert address("comparison", segment, FIRST, SECOND) in text
    assert address("restore", segment, FIRST) in text
    assert address("restore", segment, SECOND) not in text


def test_the_state_of_each_is_marked(owner, segment):
    for number, state in ((FIRST, "serving"), (SECOND, "waiting")):
        segment.versions.filter(number=number).update(state=state)
    text = text_of(owner.get(address("versions", segment)))
    first = text[text.index(f"<strong>Version {FIRST}") :]
    assert first.index("in force") < first.index("At the beginning")
    assert "being filled" in text[: text.index(f"<strong>Version {FIRST}")]


def test_a_version_by_hand_says_so_and_can_be_compared(owner, segment):
    segment.versions.create(number=503, kind=Segment.Kind.MANUAL)
    assert "Whoever was put in by hand." in text_of(owner.get(address("versions", segment)))
    text = text_of(owner.get(address("comparison", segment, SECOND, 503)))
    assert text.count("Whoever was put in by hand.") == 2


def test_a_version_that_cannot_be_read_hides_no_page(owner, segment):
    segment.versions.create(number=503, rule={"version": 99})
    segment.versions.create(number=504, rule=None)
    assert text_of(owner.get(address("versions", segment))).count("cannot be read") == 2
    text = text_of(owner.get(address("comparison", segment, SECOND, 503)))
    assert '"version": 99' in text


def test_a_segment_without_versions_says_so(owner, make_segment):
    segment = make_segment("vips")
    SegmentVersion.objects.all().delete()
    assert "There is no version yet" in text_of(owner.get(address("versions", segment)))


def test_the_page_of_a_segment_leads_to_its_versions(owner, segment):
    text = text_of(owner.get(reverse("admin:personalization_segment_change", args=[segment.pk])))
    assert address("versions", segment) in text


# -- comparison --------------------------------------------------------------------------


def test_two_versions_are_compared_line_by_line(owner, segment):
    for numbers in ((FIRST, SECOND), (SECOND, FIRST)):
        text = text_of(owner.get(address("comparison", segment, *numbers)))
        assert f"From version {FIRST} to version {SECOND}" in text
        assert text.count('class="pz-diff-added"') == 1
        assert text.count('class="pz-diff-removed"') == 3
        assert text.count('class="pz-diff-same"') == 0


def test_a_version_that_is_not_there_is_not_found(owner, segment, make_segment):
    other = make_segment("other", CART)
    other.versions.create(number=777, rule=CART)
    for page in (
        owner.get(address("comparison", segment, FIRST, 777), follow=True),
        owner.post(address("restore", segment, 777), follow=True),
    ):
        assert "This segment has no such version." in text_of(page)
    segment.refresh_from_db()
    assert segment.rule == VIEWED
    segment.pk = 9999
    for page in (
        owner.get(address("versions", segment), follow=True),
        owner.get(address("comparison", segment, 1, 2), follow=True),
        owner.post(address("restore", segment, 1), follow=True),
    ):
        assert "There is no such segment any more." in text_of(page)


def test_a_rule_is_written_a_condition_a_line():
    nested = rule(
        did("Product Viewed", 3),
        group(did("Order Completed"), did("Product Added"), combinator="or", negated=True),
    )
    lines = rule_lines(nested, catalogue())
    assert [line[: len(line) - len(line.lstrip())] for line in lines] == ["", " " * 4] + [
        " " * 4, " " * 8, " " * 8,
    ]  # fmt: skip
    assert lines[0] == "All of these:"
    assert lines[2].strip() == "None of these:"


def test_a_group_of_one_needs_no_heading():
    assert rule_lines(CART, catalogue()) == [
        "All of these:",
        "    added a product to the cart in the last 24 hours",
        "    never ordered",
    ]
    assert len(rule_lines(VIEWED, catalogue())) == 1


def test_a_difference_keeps_what_is_the_same_and_names_the_rest():
    assert difference(["a", "b", "c"], ["a", "x", "c", "d"]) == [
        DiffLine(sign="same", text="a"),
        DiffLine(sign="removed", text="b"),
        DiffLine(sign="added", text="x"),
        DiffLine(sign="same", text="c"),
        DiffLine(sign="added", text="d"),
    ]
    assert difference([], ["a"]) == [DiffLine(sign="added", text="a")]
    assert difference(["a"], ["a"]) == [DiffLine(sign="same", text="a")]


# -- restoration -------------------------------------------------------------------------


def test_an_earlier_rule_is_the_rule_again(
    owner, segment, monkeypatch, django_capture_on_commit_callbacks
):
    sent: list[str] = []
    monkeypatch.setattr(hints, "_send", sent.append)
    with django_capture_on_commit_callbacks(execute=True):
        response = owner.post(address("restore", segment, FIRST), follow=True)
    segment.refresh_from_db()
    assert segment.rule == CART
    assert f"The rule is again that of version {FIRST}." in text_of(response)
    assert sent == [hints.REFRESH_SEGMENTS]
    entry = LogEntry.objects.get()
    assert f"Back to version {FIRST}" in entry.change_message


def test_a_rule_that_cannot_be_used_any_more_stays_where_it_is(owner, segment):
    segment.versions.create(number=503, rule=rule(did("Product Viewed"), in_segment("long-gone")))
    text = text_of(owner.post(address("restore", segment, 503), follow=True))
    assert "Version 503 cannot be used any more; nothing was changed." in text
    assert "Line 2:" in text
    assert "long-gone" in text
    segment.refresh_from_db()
    assert segment.rule == VIEWED


def test_a_version_that_speaks_of_itself_by_now_is_refused(owner, segment, make_segment):
    make_segment("other", rule(in_segment("cart")))
    segment.versions.create(number=503, rule=rule(in_segment("other")))
    owner.post(address("restore", segment, 503))
    segment.refresh_from_db()
    assert segment.rule == VIEWED


def test_a_version_by_hand_is_by_hand_again(owner, segment):
    segment.versions.create(number=503, kind=Segment.Kind.MANUAL)
    owner.post(address("restore", segment, 503))
    segment.refresh_from_db()
    assert (segment.kind, segment.rule) == (Segment.Kind.MANUAL, None)


def test_the_version_that_follows_says_who_went_back(sign_in, segment):
    ben = sign_in("change_segment")
    ben.post(address("restore", segment, FIRST))
    newest = segment.versions.first()
    assert newest.number > SECOND
    assert (newest.rule, newest.note) == (CART, f"Back to version {FIRST}")
    assert newest.created_by.pk == int(ben.session["_auth_user_id"])


def test_only_a_post_restores(owner, segment):
    assert owner.get(address("restore", segment, FIRST)).status_code == 403
    segment.refresh_from_db()
    assert segment.rule == VIEWED


def test_a_forged_form_restores_nothing(owner, segment):
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = owner.cookies
    assert strict.post(address("restore", segment, FIRST)).status_code == 403


@pytest.mark.parametrize(
    ("codenames", "seen", "restored"),
    [
        ((), 403, 403),
        (("view_profile",), 403, 403),
        (("view_segment",), 200, 403),
        (("change_segment",), 200, 302),
    ],
)
def test_who_may_see_sees_and_who_may_change_restores(sign_in, segment, codenames, seen, restored):
    client = sign_in(*codenames)
    page = client.get(address("versions", segment))
    assert page.status_code == seen
    assert client.get(address("comparison", segment, FIRST, SECOND)).status_code == seen
    if seen == 200:
        assert (address("restore", segment, FIRST) in page.content.decode()) == (restored == 302)
    assert client.post(address("restore", segment, FIRST)).status_code == restored


# -- who and why -------------------------------------------------------------------------


def test_who_made_a_version_is_written_down_with_why(segment):
    ben = User.objects.create_user("ben")
    newest = newest_number(segment)
    assert newest == SECOND
    assert credit(segment, after=newest, by=ben, note="nothing new") is False
    segment.versions.create(number=newest + 1, rule=CART)
    assert credit(segment, after=newest, by=ben, note="Back again") is True
    made = segment.versions.get(number=newest + 1)
    assert (made.created_by, made.note) == (ben, "Back again")
    assert segment.versions.get(number=SECOND).created_by is None


def test_a_segment_without_versions_begins_before_the_first(make_segment):
    segment = make_segment("vips")
    SegmentVersion.objects.all().delete()
    assert newest_number(segment) == 0


def test_saving_a_changed_rule_makes_a_version_of_who_saved_it(owner, save_segment, make_segment):
    save_segment(owner, rule=CART, note="To begin with")
    segment = Segment.objects.get(slug="shoe-lovers")
    [first] = segment.versions.all()
    assert (first.rule, first.note, first.created_by.is_superuser) == (CART, "To begin with", True)
    save_segment(owner, segment=segment, rule=CART, name="Another name", note="Only the name")
    assert segment.versions.count() == 1
    save_segment(owner, segment=segment, rule=VIEWED, note="Rather viewed")
    newest = segment.versions.first()
    assert (newest.rule, newest.note, newest.number) == (VIEWED, "Rather viewed", 2)
    first.refresh_from_db()
    assert first.note == "To begin with"
