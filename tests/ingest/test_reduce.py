"""What is left of a user agent: what everybody with that browser has."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ingest.agents import program
from personalization.ingest.network import family
from personalization.ingest.reduce import judged_agent, kept_agent, kept_hints, reduced
from tests.conftest import BROWSER

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
CHROME = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/140.0.7339.128 Safari/537.36"
REDUCED = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/140.0.0.0 Safari/537.36"
APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
HINTS = {
    "brands": [{"brand": "Chromium", "version": "140"}], "mobile": True, "platform": "Android",
    "model": "SM-G991B", "platformVersion": "14.0.0", "uaFullVersion": "140.0.7339.128",
}  # fmt: skip


@pytest.mark.parametrize(
    ("user_agent", "kept"),
    [
        (CHROME, REDUCED),
        (f"{CHROME} Edg/140.0.3485.54", f"{REDUCED} Edg/140.0.0.0"),
        (
            f"Mozilla/5.0 (Linux; Android 14; SM-G991B Build/UP1A) {WEBKIT} Chrome/117.0.5938.60 "
            "Mobile Safari/537.36",
            f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/117.0.0.0 Mobile Safari/537.36",
        ),
        (
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_6_1 like Mac OS X) {APPLE} Version/17.6.1 "
            "Mobile/15E148 Safari/604.1",
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) {APPLE} Version/17.0 "
            "Mobile/15E148 Safari/604.1",
        ),
        (
            "Mozilla/5.0 (Windows NT 6.1; WOW64; rv:115.0) Gecko/20100101 Firefox/115.21",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:115.0) Gecko/20100101 Firefox/115.0",
        ),
        (
            "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0",
            "Mozilla/5.0 (Linux; Android 10; K; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0",
        ),
    ],
)  # fmt: skip
def test_of_a_browser_its_kind_and_main_version_are_left(user_agent: str, kept: str) -> None:
    assert reduced(user_agent) == kept


@pytest.mark.parametrize(
    "secret", ["8812-aaaa", "jane", "iPhone14,2", "21G80", "470.0", "SM-G991B"]
)
def test_neither_a_device_nor_a_number_of_an_app_is_left(secret: str) -> None:
    stated = (
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X; {secret}) {APPLE} Mobile/21G80 "
        f"[FBAN/FBIOS;FBAV/470.0;FBDV/{secret}] MyShop/{secret} (user {secret})"
    )
    assert secret not in reduced(stated)


def test_what_is_reduced_by_the_browser_itself_stays_as_it_is() -> None:
    assert (reduced(REDUCED), reduced(BROWSER)) == (REDUCED, BROWSER)


def test_the_kind_of_browser_is_known_as_before() -> None:
    assert family(reduced(CHROME)) == family(CHROME) == "Chrome on Windows"


@given(st.text(alphabet=st.sampled_from("()[]/;. 19aXMozillaChrome:rv"), max_size=200))
def test_whatever_is_sent_the_second_time_changes_nothing(text: str) -> None:
    once = reduced(text)
    assert reduced(once) == once


@given(st.integers(min_value=10_000, max_value=10**12))
def test_no_long_number_is_left(number: int) -> None:
    stated = f"Mozilla/5.0 (X{number}) Chrome/{number}.{number} App/{number} [{number}"
    assert str(number) not in reduced(stated)


# -- by the setting ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "kept", "judged"),
    [("reduced", REDUCED, REDUCED), ("none", "", "Mozilla/5.0"), ("full", CHROME, CHROME)],
)
def test_the_site_says_how_much_is_kept(
    settings: Any, setting: str, kept: str, judged: str
) -> None:
    settings.PERSONALIZATION_USER_AGENT = setting
    assert (kept_agent(CHROME), judged_agent(CHROME)) == (kept, judged)


@pytest.mark.parametrize("setting", ["reduced", "none", "full"])
def test_a_program_keeps_its_name_and_nothing_stays_nothing(settings: Any, setting: str) -> None:
    settings.PERSONALIZATION_USER_AGENT = setting
    assert (kept_agent(GOOGLEBOT), judged_agent(GOOGLEBOT)) == (GOOGLEBOT, GOOGLEBOT)
    assert (kept_agent(""), judged_agent("")) == ("", "")


@pytest.mark.parametrize("setting", ["reduced", "none"])
def test_what_is_judged_anew_is_judged_as_before(settings: Any, setting: str) -> None:
    settings.PERSONALIZATION_USER_AGENT = setting
    for user_agent in (CHROME, BROWSER, GOOGLEBOT, "curl/8.0", ""):
        assert program(judged_agent(user_agent)) == program(user_agent)


@pytest.mark.parametrize(
    ("setting", "kept"),
    [
        ("reduced", {name: HINTS[name] for name in ("brands", "mobile", "platform")}),
        ("none", None),
        ("full", HINTS),
    ],
)
def test_of_hints_those_are_kept_that_everybody_gets(
    settings: Any, setting: str, kept: Any
) -> None:
    settings.PERSONALIZATION_USER_AGENT = setting
    assert kept_hints(HINTS) == kept


@pytest.mark.parametrize("odd", [None, "text", 5, ["list"]])
def test_hints_that_are_none_are_not_kept(odd: Any) -> None:
    assert kept_hints(odd) is None
