"""Access logs: which lines are views of pages, and whose."""

from __future__ import annotations

import locale
from typing import Any

import pytest
from django.test import override_settings

from personalization.ingest.imports.access_log import AccessLog
from tests.ingest.imports.files import FIREFOX, calls, logged, problems, records

READER = AccessLog()


def _left_out(*lines: str, reader: AccessLog = READER) -> list[str]:
    return [record.left_out for record in records(reader, "".join(lines))]


def _properties(line: str, reader: AccessLog = READER) -> Any:
    (call,) = calls(reader, line)
    return call["properties"]


def _visitor(line: str) -> str:
    (call,) = calls(READER, line)
    return str(call["anonymousId"])


def test_a_view_of_a_page_is_a_page_call() -> None:
    (call,) = calls(READER, logged("/shoes?size=42", referrer="https://search.example/?q=shoes"))
    assert call == {
        "type": "page",
        "anonymousId": call["anonymousId"],
        "timestamp": "2026-05-04T10:00:00+02:00",
        "properties": {
            "path": "/shoes",
            "url": "/shoes?size=42",
            "referrer": "https://search.example/?q=shoes",
        },
    }


def test_the_address_is_nowhere_in_what_is_read() -> None:
    (record,) = records(READER, logged(address="203.0.113.7"))
    assert "203.0.113.7" not in repr(record)
    broken = logged(address="203.0.113.7").replace("[", "(")
    (record,) = records(READER, broken)
    assert record.problem is not None
    assert "203.0.113" not in str(record.problem) + repr(record)


def test_a_visitor_is_an_address_with_a_browser() -> None:
    one = _visitor(logged("/a"))
    assert one == _visitor(logged("/b", time="05/May/2026:23:00:00 +0200"))
    assert one != _visitor(logged("/a", address="203.0.113.8"))
    assert one != _visitor(logged("/a", agent=f"{FIREFOX} x"))
    assert len(one) == 32


def test_nobody_finds_a_visitor_without_the_key_of_the_site() -> None:
    here = _visitor(logged())
    with override_settings(SECRET_KEY="another"):
        assert _visitor(logged()) != here


def test_the_site_makes_addresses_whole() -> None:
    reader = AccessLog(site="https://shop.example/")
    assert _properties(logged("/a?b=c"), reader)["url"] == "https://shop.example/a?b=c"


@pytest.mark.parametrize("host", ["shop.example", "shop.example:443", "shop.example:80"])
def test_a_virtual_host_makes_addresses_whole(host: str) -> None:
    assert _properties(f"{host} {logged('/a')}")["url"] == "https://shop.example/a"
    reader = AccessLog(site="https://other.example")
    assert _properties(f"{host} {logged('/a')}", reader)["url"] == "https://other.example/a"


def test_further_fields_are_read_over() -> None:
    line = logged("/a").rstrip("\n") + ' "203.0.113.9" 0.003 upstream=1\n'
    assert _properties(line)["path"] == "/a"


def test_only_what_was_shown_is_a_view() -> None:
    shown = {200: "", 203: "", 304: ""}
    others = dict.fromkeys((204, 206, 301, 302, 303, 400, 401, 403, 404, 410, 500), "not a view")
    statuses = shown | others
    assert _left_out(*(logged(status=status) for status in statuses)) == list(statuses.values())


def test_only_a_get_is_a_view() -> None:
    methods = {"GET": "", "HEAD": "not a view", "POST": "not a view", "get": "not a view"}
    assert _left_out(*(logged(method=method) for method in methods)) == list(methods.values())


@pytest.mark.parametrize(
    ("target", "is_page"),
    [
        ("/", True),
        ("/shoes", True),
        ("/shoes/", True),
        ("/shoes?image=a.png", True),
        ("/shoes.html", True),
        ("/SHOES.HTM", True),
        ("/index.php?p=1", True),
        ("/shoes/air-2.0", True),
        ("/v1.2/shoes", True),
        ("/static/app.js", False),
        ("/photo.JPG", False),
        ("/photo.jpg?width=400", False),
        ("/robots.txt", False),
        ("/favicon.ico", False),
        ("/feed.xml", False),
        ("/api/cart.json", False),
        ("http://elsewhere.example/", False),
        ("*", False),
    ],
)
def test_assets_are_no_pages(target: str, is_page: bool) -> None:
    assert _left_out(logged(target)) == ["" if is_page else "not a page"]


def test_paths_can_be_left_out() -> None:
    reader = AccessLog(excluded=["/admin/", "/health", ""])
    assert _left_out(logged("/admin/x"), logged("/healthz"), logged("/shoes"), reader=reader) == [
        "not a page",
        "not a page",
        "",
    ]


@pytest.mark.parametrize(
    "agent",
    ["Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "curl/8.5.0", "-"],
)
def test_bots_are_left_out(agent: str) -> None:
    assert _left_out(logged(agent=agent), logged()) == ["of a bot", ""]


@pytest.mark.parametrize(
    ("time", "moment"),
    [
        ("10/Oct/2000:13:55:36 -0700", "2000-10-10T13:55:36-07:00"),
        ("01/Mar/2026:00:00:00 +0000", "2026-03-01T00:00:00+00:00"),
        ("29/Feb/2024:23:59:59 +0530", "2024-02-29T23:59:59+05:30"),
        ("04/May/2026:10:00:00 -0330", "2026-05-04T10:00:00-03:30"),
    ],
)
def test_the_time_has_its_zone(time: str, moment: str) -> None:
    (call,) = calls(READER, logged(time=time))
    assert call["timestamp"] == moment


def test_months_are_english_whatever_the_machine_speaks() -> None:
    before = locale.setlocale(locale.LC_TIME)
    try:
        for name in ("de_DE.UTF-8", "de_AT.UTF-8", "fr_FR.UTF-8", "C"):
            try:
                locale.setlocale(locale.LC_TIME, name)
            except locale.Error:
                continue
            assert calls(READER, logged(time="04/Dec/2025:10:00:00 +0100"))
    finally:
        locale.setlocale(locale.LC_TIME, before)


@pytest.mark.parametrize(
    "line",
    [
        "nothing of the kind\n",
        '203.0.113.7 - - [04/May/2026:10:00:00 +0200] "GET / HTTP/1.1" 200 12\n',  # common format
        logged(time="30/Feb/2026:10:00:00 +0200"),
        logged(time="04/Mai/2026:10:00:00 +0200"),
        logged(time="04/May/2026:25:00:00 +0200"),
        logged(time="04/May/2026:10:00:00 +9900"),
        logged(time="2026-05-04T10:00:00Z"),
        logged().replace('"GET', "GET"),
        "x" * 100_000 + "\n",
        '"' * 100_000 + "\n",
    ],
)
def test_a_line_of_another_format_is_refused_and_its_neighbours_read(line: str) -> None:
    content = logged("/a") + line + logged("/b")
    assert problems(READER, content) == {2: "The line is not in the combined log format."}
    assert [call["properties"]["path"] for call in calls(READER, content)] == ["/a", "/b"]


def test_what_is_no_request_is_no_view() -> None:
    line = logged().replace("GET /shoes HTTP/1.1", r"\x16\x03\x01")
    empty = logged().replace("GET /shoes HTTP/1.1", "-")
    assert _left_out(line, empty) == ["not a view", "not a view"]


def test_what_the_server_escaped_is_read_as_it_was() -> None:
    line = logged(r"/caf\xc3\xa9", referrer=r"https://x.example/\"a\\b\"", agent=FIREFOX + r" \q")
    assert _properties(line) == {
        "path": "/café",
        "url": "/café",
        "referrer": 'https://x.example/"a\\b"',
    }
    assert _properties(logged(r"/\xff"))["path"] == "/\ufffd"


def test_blank_lines_are_left_out() -> None:
    assert _left_out("\n", logged()) == ["blank", ""]


def test_the_signature_tells_ways_of_reading_apart() -> None:
    ways = [AccessLog(), AccessLog(site="https://a.example"), AccessLog(excluded=["/x"])]
    assert len({way.signature for way in ways}) == 3
    assert AccessLog(site="https://a.example/").signature == ways[1].signature
