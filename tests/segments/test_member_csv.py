"""Members from a file and into one: every bad line is told, every good one kept."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from personalization.exceptions import UnreadableFile
from personalization.profiles.models import Identity, Profile
from personalization.segments import member_csv
from personalization.segments.manual import add_members
from personalization.segments.member_csv import (
    MOST_BYTES,
    Upload,
    guarded,
    put_in,
    read_text,
    written_rows,
)
from personalization.segments.models import Membership, Segment

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def vips(make_segment: Callable[..., Segment]) -> Segment:
    return make_segment("vips")


@pytest.fixture
def people(make_profile: Callable[..., Profile]) -> dict[str, int]:
    """Ann, Ben and Cat by name; Ann has every kind of identity."""
    found = {}
    for name in ("ann", "ben", "cat"):
        profile = make_profile(identity=f"visitor-of-{name}")
        Identity.objects.create(profile=profile, namespace="user", value=f"user-{name}")
        found[name] = profile.pk
    for namespace, value in (("email", "ann@example.com"), ("crm", "A-1")):
        Identity.objects.create(profile_id=found["ann"], namespace=namespace, value=value)
    return found


def upload(segment: Segment, text: str | bytes) -> Upload:
    data = text if isinstance(text, bytes) else text.encode()
    return put_in(segment, read_text(data), now=NOW)


def ends() -> dict[int, datetime | None]:
    return dict(Membership.objects.values_list("profile", "until"))


def bad(found: Upload) -> dict[int, str]:
    return {line.number: line.message for line in found.bad}


# -- reading -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["ann@example.com", "user-ann", "visitor-of-ann", "A-1", '"user-ann"', "  user-ann  "]
)
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_line_names_somebody_by_any_of_their_names(
    vips: Segment, people: dict[str, int], name: str, newline: str
) -> None:
    found = upload(vips, newline.join([name, "user-ben", ""]))
    assert found == Upload(taken=2, bad=[])
    assert ends() == {people["ann"]: None, people["ben"]: None}


def test_a_line_may_be_the_number_of_a_profile(vips: Segment, people: dict[str, int]) -> None:
    assert upload(vips, f"{people['cat']}\n").taken == 1
    assert ends() == {people["cat"]: None}


@pytest.mark.parametrize(
    "text",
    [
        "visitor\nuser-ann\n",
        "Visitor,Until\nuser-ann,\n",
        "user_id\nuser-ann\n",
        "User ID;Name\nuser-ann;Ann, of course\n",
        "email\nAnn@Example.com\n",
        "name\tanonymous-id\tcity\nAnn\tvisitor-of-ann\tHull\n",
        "user_id,email,anonymous_id\n,ann@example.com,visitor-of-ann\n",
        "user_id,email\nuser-ann,nobody@example.com\n",
        "profile_id,user_id\n999999,user-ann\n",
        "\ufeffvisitor\nuser-ann\n",
        "\n\n,,\nvisitor\n\nuser-ann\n\n",
    ],
)
def test_a_first_line_may_name_the_columns(
    vips: Segment, people: dict[str, int], text: str
) -> None:
    assert upload(vips, text) == Upload(taken=1, bad=[])
    assert list(ends()) == [people["ann"]]


def test_a_number_that_is_two_people_is_nobody(
    vips: Segment, people: dict[str, int], make_profile: Callable[..., Profile]
) -> None:
    """Without a name of the column, the number of a profile may be a user's of another one."""
    other = make_profile()
    Identity.objects.create(profile=other, namespace="user", value=str(people["ann"]))
    found = upload(vips, f"{people['ann']}\n{people['ben']}\n")
    assert bad(found) == {1: f"“{people['ann']}” is what 2 people are called."}
    assert list(ends()) == [people["ben"]]
    assert upload(vips, f"user_id\n{people['ann']}\n").taken == 1
    assert set(ends()) == {people["ben"], other.pk}


@pytest.mark.parametrize("text", ["claimed-17\n", "user_id\nclaimed-17\n"])
def test_who_merely_claims_to_be_somebody_is_nobody(
    vips: Segment, people: dict[str, int], text: str
) -> None:
    Identity.objects.create(
        profile_id=people["ben"], namespace=Identity.CLAIMED, value="claimed-17"
    )
    assert upload(vips, text).taken == 0
    assert ends() == {}


def test_every_bad_line_is_told_with_its_number_and_the_good_ones_are_kept(
    vips: Segment, people: dict[str, int]
) -> None:
    lines = [
        b"visitor,until",
        b"user-ann,",
        b"nobody@example.com,",
        b"user-ben,tomorrow",
        b"",
        b'"user-ben,',
        b"caf\xe9,",
        b",2027-01-01",
        b"user-ben,2026-02-28",
        b"user-\x00ben,",
        b"x" * 201 + b",",
        b"user-cat,2027-01-01,and more",
    ]
    found = upload(vips, b"\n".join(lines))
    assert found.taken == 2
    assert set(ends()) == {people["ann"], people["cat"]}
    told = bad(found)
    assert list(told) == [3, 4, 6, 7, 8, 9, 10, 11]
    assert told[3] == "Nobody is known as “nobody@example.com”."
    assert "“tomorrow” is no day as in 2026-12-24" in told[4]
    assert "no line of a CSV file" in told[6]
    assert told[7] == "A letter is not UTF-8."
    assert told[8] == "It names nobody."
    assert told[9] == "“2026-02-28” is over already."
    assert "none that a text can have" in told[10]
    assert "more than 200 characters" in told[11]


def test_identities_of_two_people_on_one_line_are_nobody(
    vips: Segment, people: dict[str, int]
) -> None:
    found = upload(vips, "user_id,anonymous_id\nuser-ann,visitor-of-ben\nuser-cat,\n")
    assert "2 people" in bad(found)[2]
    assert list(ends()) == [people["cat"]]


@pytest.mark.parametrize(
    ("stated", "until"),
    [
        ("", None),
        ("2026-03-01", datetime(2026, 3, 2, tzinfo=UTC)),
        ("2026-12-24", datetime(2026, 12, 25, tzinfo=UTC)),
        ("2026-12-24T18:00", datetime(2026, 12, 24, 18, tzinfo=UTC)),
        ("2026-12-24 18:00:30", datetime(2026, 12, 24, 18, 0, 30, tzinfo=UTC)),
        ("2026-12-24T18:00Z", datetime(2026, 12, 24, 18, tzinfo=UTC)),
        ("2026-12-24T18:00:00+02:00", datetime(2026, 12, 24, 16, tzinfo=UTC)),
    ],
)
def test_a_second_column_is_until_when(
    vips: Segment, people: dict[str, int], stated: str, until: datetime | None
) -> None:
    assert upload(vips, f"user-ann,{stated}").taken == 1
    assert ends() == {people["ann"]: until}


def test_a_day_ends_where_the_site_is(vips: Segment, people: dict[str, int], settings: Any) -> None:
    settings.TIME_ZONE = "America/New_York"
    upload(vips, "user-ann,2026-12-24\nuser-ben,2026-12-24T18:00")
    assert ends() == {
        people["ann"]: datetime(2026, 12, 25, 5, tzinfo=UTC),
        people["ben"]: datetime(2026, 12, 24, 23, tzinfo=UTC),
    }


@pytest.mark.parametrize(
    "stated", ["24.12.2026", "2026-13-01", "9999-12-31", "0001-01-01", "2026-12", "T18:00", "1e5"]
)
def test_what_is_no_end_is_told(vips: Segment, people: dict[str, int], stated: str) -> None:
    found = upload(vips, f"user-ann,{stated}")
    assert stated in bad(found)[1]
    assert ends() == {}


def test_the_last_word_of_a_file_counts(vips: Segment, people: dict[str, int]) -> None:
    assert upload(vips, "user-ann,2026-12-24\nvisitor-of-ann,2026-12-25").taken == 2
    assert ends() == {people["ann"]: datetime(2026, 12, 26, tzinfo=UTC)}


def test_the_same_file_again_changes_nothing(vips: Segment, people: dict[str, int]) -> None:
    for _ in range(2):
        assert upload(vips, "user-ann\nuser-ben\n").taken == 2
    assert Membership.objects.count() == 2


def test_lines_beyond_the_bound_are_not_read(
    vips: Segment, people: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member_csv, "MOST_LINES", 2)
    found = upload(vips, "visitor\nuser-ann\n\nuser-ben\nuser-cat\nnobody\n")
    assert found.taken == 2
    assert bad(found) == {5: "From here on nothing was read: 2 lines are allowed."}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"x" * (MOST_BYTES + 1), "2,097,152 are allowed"),
        ("visitor\n".encode("utf-16"), "CSV UTF-8"),
        (b"PK\x03\x04\x00\x00", "CSV UTF-8"),
    ],
)
def test_what_is_no_such_file_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(UnreadableFile, match=said):
        read_text(data)


@pytest.mark.parametrize("text", ["", "\n", "visitor,until\n", ",,,\n,,"])
def test_an_empty_file_puts_nobody_in(vips: Segment, text: str) -> None:
    assert upload(vips, text) == Upload(taken=0, bad=[])


def test_many_lines_are_looked_up_together(
    vips: Segment, make_profile: Callable[..., Profile], monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles = [make_profile().pk for _ in range(30)]

    def queries(n: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            upload(vips, "\n".join(map(str, profiles[:n])))
        return len(captured)

    queries(1)
    assert queries(30) <= queries(1) + 3
    monkeypatch.setattr(member_csv, "_CHUNK", 7)
    assert upload(vips, "\n".join([*map(str, profiles), "nobody"])).taken == 30
    assert Membership.objects.count() == 30


anything = st.binary(max_size=300) | st.text(max_size=200).map(
    lambda text: text.encode(errors="surrogatepass")
)


@given(anything)
def test_whatever_a_file_holds_it_is_read_or_refused(data: bytes) -> None:
    try:
        text = read_text(data)
    except UnreadableFile:
        return
    bad: list[member_csv.BadLine] = []
    for line in member_csv._lines(text, bad, now=NOW):
        assert line.visitor or line.named
        line.visitor.encode()
    assert len({each.number for each in bad}) == len(bad)


# -- writing -----------------------------------------------------------------------------


def table(segment: Segment) -> list[dict[str, str]]:
    rows = [list(row) for row in written_rows(segment, now=NOW)]
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def test_a_file_says_who_is_in_it_since_when_and_until_when(
    vips: Segment, people: dict[str, int]
) -> None:
    add_members(vips, [people["ann"]], now=NOW - HOUR, until=NOW + HOUR)
    add_members(vips, [people["ben"]], now=NOW)
    add_members(vips, [people["cat"]], now=NOW - DAY, until=NOW - HOUR)
    assert table(vips) == [
        {
            "profile_id": str(people["ann"]),
            "user_id": "user-ann",
            "email": "ann@example.com",
            "anonymous_id": "visitor-of-ann",
            "since": "2026-03-01T11:00:00+00:00",
            "until": "2026-03-01T13:00:00+00:00",
        },
        {
            "profile_id": str(people["ben"]),
            "user_id": "user-ben",
            "email": "",
            "anonymous_id": "visitor-of-ben",
            "since": "2026-03-01T12:00:00+00:00",
            "until": "",
        },
    ]


def test_a_large_segment_is_read_a_few_at_a_time(
    vips: Segment, make_profile: Callable[..., Profile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member_csv, "_CHUNK", 4)
    profiles = [make_profile().pk for _ in range(10)]
    add_members(vips, profiles, now=NOW)
    assert [int(row["profile_id"]) for row in table(vips)] == profiles


@pytest.mark.parametrize(
    "name",
    [
        "=1+1", "+49 170", "-5", "@SUM(A1)", "\tx", '=HYPERLINK("https://evil.example";"x")',
        "＝1+1", "=cmd|' /C calc'!A0",
    ],
)  # fmt: skip
def test_nothing_becomes_a_formula_and_all_of_it_can_be_read_back(
    vips: Segment, make_profile: Callable[..., Profile], name: str
) -> None:
    profile = make_profile()
    Identity.objects.create(profile=profile, namespace="user", value=name)
    add_members(vips, [profile.pk], now=NOW)
    [row] = table(vips)
    assert row["user_id"] == "'" + name
    out = io.StringIO()
    csv.writer(out).writerows([["user_id"], [row["user_id"]]])
    Membership.objects.all().delete()
    other = Segment.objects.create(slug="other", name="Other", kind=Segment.Kind.MANUAL)
    if name.strip() == name:
        assert upload(other, out.getvalue()) == Upload(taken=1, bad=[])


@pytest.mark.parametrize("cell", ["", "ann", "a=b", "1-2", "'quoted", "ünïcode"])
def test_what_is_no_formula_stays_as_it_is(cell: str) -> None:
    assert guarded(cell) == cell
