"""Members of a segment from a file and into one, in the admin."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from personalization.profiles.models import Identity
from personalization.segments.manual import add_members
from personalization.segments.member_csv import MOST_BYTES
from personalization.segments.models import Membership
from tests.admin.rules import CART

pytestmark = pytest.mark.django_db


@pytest.fixture
def vips(make_segment):
    return make_segment("vips", name="VIPs")


@pytest.fixture
def ann(make_profile):
    profile = make_profile(identity="visitor-of-ann")
    Identity.objects.create(profile=profile, namespace="user", value="user-ann")
    return profile


def address(name, segment):
    return reverse(f"admin:personalization_segment_{name}", args=[segment.pk])


def send(client, segment, data: bytes, name: str = "people.csv"):
    file = SimpleUploadedFile(name, data, content_type="text/csv")
    return client.post(address("upload", segment), {"file": file})


def test_good_lines_are_put_in_and_bad_ones_listed_with_their_numbers(owner, vips, ann):
    page = send(owner, vips, b"visitor\nuser-ann\nnobody\n<b>evil</b>\n")
    assert page.status_code == 200
    text = page.content.decode()
    assert "<strong>1</strong> line put in" in text
    assert "<strong>2</strong> lines could not be used" in text
    assert "<tr><td>3</td><td>Nobody is known as “nobody”.</td></tr>" in text
    assert "<tr><td>4</td><td>Nobody is known as “&lt;b&gt;evil&lt;/b&gt;”.</td></tr>" in text
    assert [row.profile_id for row in Membership.objects.all()] == [ann.pk]
    assert "1 lines of a file put in." in LogEntry.objects.get().change_message


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"x" * (MOST_BYTES + 1), "2,097,152 are allowed"),
        ("visitor\n".encode("utf-16"), "Save it as “CSV UTF-8”"),
        (b"", "The submitted file is empty."),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(owner, vips, data, said):
    page = send(owner, vips, data)
    assert said in page.content.decode()
    assert "What became of it" not in page.content.decode()


def test_without_a_file_one_is_asked_for(owner, vips):
    assert "CSV file" in owner.get(address("upload", vips)).content.decode()
    page = owner.post(address("upload", vips), {"other": "x"})
    assert "This field is required." in page.content.decode()


def test_the_file_may_come_from_the_same_page(owner, vips, ann, make_segment):
    add_members(vips, [ann.pk], now=timezone.now(), until=timezone.now() + timedelta(days=2))
    data = b"".join(owner.get(address("download", vips)).streaming_content)
    other = make_segment("other")
    assert "<strong>1</strong> line put in" in send(owner, other, data).content.decode()
    ends = set(Membership.objects.values_list("until", flat=True))
    assert len(ends) == 1


def test_members_are_sent_as_csv(owner, vips, ann):
    Identity.objects.create(profile=ann, namespace="email", value='=HYPERLINK("http://x";"y")')
    now = timezone.now()
    add_members(vips, [ann.pk], now=now)
    response = owner.get(address("download", vips))
    assert response.streaming
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="vips.csv"'
    assert "no-store" in response["Cache-Control"]
    text = b"".join(response.streaming_content).decode()
    [row] = csv.DictReader(io.StringIO(text))
    assert row == {
        "profile_id": str(ann.pk),
        "user_id": "user-ann",
        "email": '\'=HYPERLINK("http://x";"y")',
        "anonymous_id": "visitor-of-ann",
        "since": now.isoformat(),
        "until": "",
    }


def test_a_segment_by_rule_is_sent_too_and_takes_no_file(owner, make_segment, ann):
    cart = make_segment("cart", CART)
    cart.memberships.create(profile=ann, since=timezone.now() - timedelta(hours=1))
    text = b"".join(owner.get(address("download", cart)).streaming_content).decode()
    assert "user-ann" in text
    for page in (
        owner.get(address("upload", cart), follow=True),
        owner.post(address("upload", cart), follow=True),
    ):
        assert page.redirect_chain == [(address("change", cart), 302)]
        assert "Nobody can be put into this segment from a file." in page.content.decode()
    assert send(owner, cart, b"user-ann\n").status_code == 302
    assert cart.memberships.count() == 1


def test_a_segment_that_has_ended_takes_no_file(owner, make_segment):
    ended = make_segment("ended", ends_at=timezone.now() - timedelta(hours=1))
    assert owner.get(address("upload", ended)).status_code == 302


@pytest.mark.parametrize(
    ("codenames", "up", "down"),
    [
        ((), 403, 403),
        (("view_segment",), 403, 403),
        (("change_segment",), 403, 403),
        (("view_profile",), 403, 403),
        (("view_segment", "view_profile"), 403, 200),
        (("change_segment", "view_profile"), 200, 200),
    ],
)
def test_who_may_see_and_change_may_read_and_write_files(sign_in, vips, ann, codenames, up, down):
    client = sign_in(*codenames)
    assert client.get(address("upload", vips)).status_code == up
    assert send(client, vips, b"user-ann\n").status_code == up
    assert client.get(address("download", vips)).status_code == down
    assert Membership.objects.exists() == (up == 200)


def test_strangers_are_sent_to_the_login(vips):
    for name in ("upload", "download"):
        assert Client().get(address(name, vips)).status_code == 302


def test_a_forged_form_puts_nobody_in(owner, vips, ann):
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = owner.cookies
    assert send(strict, vips, b"user-ann\n").status_code == 403
    assert not Membership.objects.exists()


def test_a_segment_that_is_not_there_has_no_members(owner):
    for name in ("upload", "download"):
        page = reverse(f"admin:personalization_segment_{name}", args=[999])
        told = owner.get(page, follow=True).content.decode()
        assert "There is no such segment any more." in told


def test_the_page_of_a_segment_leads_to_both(owner, sign_in, vips, ann):
    add_members(vips, [ann.pk], now=timezone.now())
    text = owner.get(address("change", vips)).content.decode()
    assert address("upload", vips) in text
    assert address("download", vips) in text
    text = sign_in("view_segment", "change_segment").get(address("change", vips)).content.decode()
    assert address("upload", vips) not in text
    assert address("download", vips) not in text
