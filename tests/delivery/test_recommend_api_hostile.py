"""`/v1/recommend` for whoever asks oddly: always JSON, never a failure, and nothing of others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.db import OperationalError
from django.test import Client, override_settings
from hypothesis import given
from hypothesis import strategies as st

from personalization.events.models import Source
from personalization.ml.models import Item, ModelArtefact
from personalization.ml.serving.recommend import MOST
from personalization.testing import exposures_at_once, memory_buffer
from tests.calm import CALM
from tests.conftest import BROWSER
from tests.delivery.deciding import BROWSER_KEY, KEY, queries
from tests.delivery.people import Person, make_person
from tests.delivery.recommending import look_at, make_crowd, make_items
from tests.delivery.showing import written
from tests.effort import examples
from tests.ml.serving.stored import serve_what_follows

pytestmark = pytest.mark.django_db

URL = "/p/v1/recommend"
OWN = "http://testserver"
ELSEWHERE = "https://shop.example"
BOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


@pytest.fixture(autouse=True)
def _site() -> Iterator[None]:
    with (
        memory_buffer(),
        exposures_at_once(),
        override_settings(
            PERSONALIZATION_RECOMMENDATIONS=CALM, PERSONALIZATION_ADDRESS_RATE=100_000
        ),
    ):
        yield


@pytest.fixture
def person() -> Person:
    make_items("hat", "shoe", "sock", "scarf", "belt")
    make_crowd(["hat", "shoe", "sock", "scarf", "belt"])
    serve_what_follows({"shoe": ["sock", "belt"]}, number=4)
    person = make_person()
    look_at(person, "hat", "shoe")
    return person


@pytest.fixture
def server(make_source: Callable[..., Source]) -> Source:
    return make_source(write_key=KEY, kind=Source.Kind.SERVER)


def send(query: str = "place=home", *, person: Person | None = None, **headers: str) -> Any:
    given = {"user-agent": BROWSER, "origin": OWN, **headers}
    client = Client(headers={name.replace("_", "-"): said for name, said in given.items() if said})
    if person is not None:
        client.cookies.load(person.cookies)
    return client.get(f"{URL}?{query}")


def listed(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [one["item"]["key"] for one in answer.json()["recommendations"]]


class TestOddQuestions:
    @given(
        st.dictionaries(
            st.sampled_from(["place", "limit", "item", "shown", "writeKey", "place[]", "x"]),
            st.text(max_size=12),
            max_size=5,
        )
    )
    @examples(20)
    def test_whatever_is_asked_the_answer_is_json_and_a_refusal_has_its_reason(
        self, said: dict[str, str]
    ) -> None:
        query = "&".join(f"{name}={quote(value)}" for name, value in said.items())
        answer = send(query)
        assert answer.status_code in (200, 400, 401)
        assert answer["Content-Type"] == "application/json"
        assert answer["X-Content-Type-Options"] == "nosniff"
        body = answer.json()
        if answer.status_code == 200:
            assert set(body) == {"place", "decision_id", "model_version", "recommendations"}
        else:
            assert body["code"]
            assert body["message"]

    @pytest.mark.parametrize(
        "query",
        [
            "", "place", "place=%00", "place=%ED%A0%80", "place=home%0d%0aX-Odd:1",
            "place=home&limit=%D9%A3", "place=home&limit=-1", "place=home&limit=1e1",
            "place=home&limit=+3", "place=home&limit=", "place=home&limit=0x3",
            "place=home&limit=3.0", "place=home&limit=99999", "place=home&place=no%20place",
        ],
    )  # fmt: skip
    def test_what_no_list_can_be_is_refused(self, query: str) -> None:
        answer = send(query)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_list")
        assert "X-Odd" not in answer

    def test_an_item_that_we_do_not_know_leaves_the_list_as_it_is(self, person: Person) -> None:
        for item in ("%00", "%ED%A0%80", "'%20OR%201=1--", "%3Cscript%3E", "../../etc"):
            query = f"place=home&limit=2&item={item}"
            assert listed(send(query)) == ["hat", "shoe"], item
            assert listed(send(query, person=person)) == ["sock", "belt"], item

    def test_leading_noughts_are_read_and_the_last_of_two_answers_counts(
        self, person: Person
    ) -> None:
        assert len(listed(send("place=home&limit=007"))) == 5
        assert len(listed(send("place=home&limit=4&limit=2"))) == 2

    def test_the_longest_list_is_as_long_as_it_may_be(self, person: Person) -> None:
        make_items(*(f"more-{n}" for n in range(2 * MOST)))
        assert len(listed(send(f"place=home&limit={MOST}"))) == MOST

    def test_fields_without_end_are_refused(self) -> None:
        answer = send("place=home&" + "&".join(f"x{n}=1" for n in range(2000)))
        assert answer.status_code == 400
        assert answer["Content-Type"] == "application/json"

    def test_what_is_said_of_items_is_json_and_no_markup(self, person: Person) -> None:
        odd = '</script><script>alert("x")</script>\u2028'
        Item.objects.filter(key__in=("hat", "shoe")).update(title=odd, url="/?a=1&b='2'")
        answer = send("place=home&limit=1")
        assert answer["Content-Type"] == "application/json"
        assert answer.json()["recommendations"][0]["item"]["title"] == odd


class TestWhoIsNamed:
    @pytest.mark.parametrize("kind", ["anonymousId", "userId"])
    def test_somebody_who_cannot_be_is_nobody(
        self, person: Person, server: Source, kind: str
    ) -> None:
        headers = {"origin": "", "user_agent": "curl/8", "authorization": f"Bearer {KEY}"}
        for value in ("%00", "%ED%A0%80", "x" * 3000, "%20", "", "null", "..%2F..", "%F0%9F%8E%A9"):
            answer = send(f"place=home&limit=2&{kind}={value}", **headers)
            if answer.status_code == 200:
                assert listed(answer) == ["hat", "shoe"], value
            else:
                assert answer.status_code == 400, value
                assert answer.json()["code"]

    def test_the_same_name_of_another_kind_is_somebody_else(
        self, person: Person, server: Source
    ) -> None:
        headers = {"origin": "", "user_agent": "curl/8", "authorization": f"Bearer {KEY}"}
        named = f"place=home&limit=2&userId={person.visitor_id}"
        assert listed(send(named, **headers)) == ["hat", "shoe"]

    def test_who_was_erased_gets_what_everybody_gets(self, person: Person, server: Source) -> None:
        headers = {"origin": "", "user_agent": "curl/8", "authorization": f"Bearer {KEY}"}
        named = f"place=home&limit=2&anonymousId={person.visitor_id}"
        assert listed(send(named, **headers)) == ["sock", "belt"]
        person.profile.delete()
        assert listed(send(named, **headers)) == ["hat", "shoe"]

    def test_a_visitor_costs_a_server_no_more_than_their_reads(
        self, person: Person, server: Source
    ) -> None:
        headers = {"origin": "", "user_agent": "curl/8", "authorization": f"Bearer {KEY}"}
        named = f"place=home&limit=50&anonymousId={person.visitor_id}"
        send(named, **headers)
        with queries(2):
            send(named, **headers)

    def test_a_key_that_nobody_has_opens_nothing(self, person: Person, server: Source) -> None:
        named = f"place=home&anonymousId={person.visitor_id}"
        for key in ("", "x" * 5000, "\x7f", "Bearer", "ÿ", KEY[:-1], KEY.upper()):
            answer = send(named, origin="", authorization=f"Bearer {key}")
            assert answer.status_code == 401, key
            assert "sock" not in answer.content.decode()

    def test_the_cookie_of_a_visitor_opens_nothing_of_another(self, person: Person) -> None:
        other = make_person()
        answer = send(f"place=home&anonymousId={person.visitor_id}", person=other)
        assert answer.status_code == 401
        assert listed(send("place=home&limit=2", person=other)) == ["hat", "shoe"]


class TestWhoseListItIs:
    def test_a_robot_gets_what_everybody_gets_and_counts_for_nothing(self, person: Person) -> None:
        answer = send("place=home&limit=2", person=person, user_agent=BOT)
        assert listed(answer) == ["hat", "shoe"]
        assert answer.json()["model_version"] is None
        assert written() == []

    def test_a_browser_that_objects_gets_what_everybody_gets(self, person: Person) -> None:
        client = Client(headers={"user-agent": BROWSER, "origin": OWN, "sec-gpc": "1"})
        client.cookies.load({**person.cookies, "pz_consent": ""})
        assert listed(client.get(URL, {"place": "home", "limit": 2})) == ["hat", "shoe"]
        assert written() == []

    def test_a_cookie_that_we_did_not_sign_is_nobody(self, person: Person) -> None:
        client = Client(headers={"user-agent": BROWSER, "origin": OWN})
        client.cookies.load({**person.cookies, "pz_id": person.visitor_id})
        assert listed(client.get(URL, {"place": "home", "limit": 2})) == ["hat", "shoe"]

    def test_no_cache_may_keep_an_answer_whoever_it_is_for(self, person: Person) -> None:
        for whom in (person, None):
            for query in ("place=home", "place=no%20place"):
                answer = send(query, person=whom)
                assert answer["Cache-Control"] == "private, no-store"
                assert not answer.cookies

    def test_two_answers_are_two_lists_with_ids_of_their_own(self, person: Person) -> None:
        one, other = (send(person=person).json() for _ in range(2))
        assert one["decision_id"] != other["decision_id"]
        assert one["recommendations"] == other["recommendations"]
        assert {event["message_id"] for event in written()} == {
            one["decision_id"], other["decision_id"],
        }  # fmt: skip

    @pytest.mark.parametrize("said", ["1", "", "false", "00"])
    def test_only_a_nought_says_that_it_is_not_shown(self, person: Person, said: str) -> None:
        send(f"place=home&shown={said}", person=person)
        assert len(written()) == 1


class TestOtherSites:
    @pytest.fixture(autouse=True)
    def _listed(self, make_source: Callable[..., Source]) -> None:
        make_source(write_key=BROWSER_KEY, kind=Source.Kind.BROWSER, allowed_origins=ELSEWHERE)

    def test_a_site_that_its_source_lists_may_read_the_answer(self, person: Person) -> None:
        answer = send(f"place=home&writeKey={BROWSER_KEY}", origin=ELSEWHERE)
        assert answer.status_code == 200
        assert answer["Access-Control-Allow-Origin"] == ELSEWHERE
        assert "Origin" in answer["Vary"]

    @pytest.mark.parametrize(
        "origin",
        ["https://shop.example.evil.test", "http://shop.example", "null", "https://shop.example:1"],
    )
    def test_any_other_may_not(self, person: Person, origin: str) -> None:
        answer = send(f"place=home&writeKey={BROWSER_KEY}", person=person, origin=origin)
        assert answer.status_code == 403
        assert "Access-Control-Allow-Origin" not in answer
        assert "recommendations" not in answer.json()

    def test_a_browser_asks_first_and_nothing_is_listed_for_that(self, person: Person) -> None:
        client = Client(headers={"user-agent": BROWSER, "origin": ELSEWHERE})
        client.cookies.load(person.cookies)
        answer = client.options(URL, headers={"access-control-request-method": "GET"})
        assert answer.status_code in (200, 204)
        assert answer.content == b""
        assert written() == []


class TestFailures:
    def test_while_the_database_is_away_a_browser_gets_an_empty_list(
        self, person: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(*args: object, **kwargs: object) -> Any:
            raise OperationalError("the database is away")

        monkeypatch.setattr("personalization.ml.serving.shelf.items_revision", away)
        assert listed(send(person=person)) == []
        assert written() == []

    @pytest.mark.parametrize(
        "where", ["recommend_views.read_visitor", "recommendations.history_of_profile"]
    )
    def test_a_server_gets_a_list_whatever_fails_about_whom_it_names(
        self, person: Person, server: Source, monkeypatch: pytest.MonkeyPatch, where: str
    ) -> None:
        def broken(*args: object, **kwargs: object) -> Any:
            raise RuntimeError("no")

        monkeypatch.setattr(f"personalization.delivery.{where}", broken)
        named = f"place=home&limit=2&anonymousId={person.visitor_id}"
        answer = send(named, origin="", user_agent="curl/8", authorization=f"Bearer {KEY}")
        assert listed(answer) == (["hat", "shoe"] if "read_visitor" in where else [])

    def test_a_spoilt_artefact_leaves_it_to_what_is_popular(self, person: Person) -> None:
        ModelArtefact.objects.update(content=b"spoilt")
        answer = send("place=home&limit=2", person=person)
        assert listed(answer) == ["sock", "scarf"]
        assert answer.json()["model_version"] is None
