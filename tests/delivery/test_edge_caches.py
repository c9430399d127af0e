"""The recipes of the documentation, run by the caches they are for, in front of a real server."""

from __future__ import annotations

import http.client
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from tests.conftest import BROWSER
from tests.delivery import fuzz
from tests.delivery.people import Person, make_person, make_segments

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.delivery.pages"),
]

RECIPES = Path(__file__).parents[2] / "docs/howto/recipes"


@dataclass(frozen=True)
class Edge:
    """A cache that runs in front of the site."""

    port: int

    def get(self, path: str, person: Person | None = None, **headers: str) -> Any:
        """Return the response of the cache; its body is in `text`."""
        sent = {"User-Agent": BROWSER, **headers}
        if person is not None:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in person.cookies.items())
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path, headers=sent)
        response: Any = connection.getresponse()
        response.text = response.read().decode()
        connection.close()
        return response

    def shows(self, path: str, person: Person | None = None, **headers: str) -> tuple[str, str]:
        """Return for whom the page was made, and its serial number."""
        response = self.get(path, person, **headers)
        assert response.status == 200
        shown, _, serial = response.text.rpartition(" ")
        return shown, serial


def with_nginx(site: int, port: int, folder: Path) -> list[str]:
    recipe = (RECIPES / "nginx.conf").read_text()
    recipe = recipe.replace("listen 80", f"listen 127.0.0.1:{port}")
    recipe = recipe.replace("127.0.0.1:8000", f"127.0.0.1:{site}")
    recipe = recipe.replace("/var/cache/nginx/pages", f"{folder}/pages")
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"pid {folder}/nginx.pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{recipe}\n}}\n"
    )
    user = ["-g", "daemon off;"]
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), *user]


def with_varnish(site: int, port: int, folder: Path) -> list[str]:
    recipe = (RECIPES / "varnish.vcl").read_text().replace('"8000"', f'"{site}"')
    (folder / "site.vcl").write_text(recipe)
    address = f"127.0.0.1:{port}"
    return [
        "varnishd",
        "-F",
        "-n",
        str(folder / "run"),
        "-a",
        address,
        "-f",
        str(folder / "site.vcl"),
    ]


CACHES: dict[str, Callable[[int, int, Path], list[str]]] = {
    "nginx": with_nginx,
    "varnishd": with_varnish,
}


@contextmanager
def running(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        for _ in range(300):
            assert process.poll() is None, process.stderr and process.stderr.read().decode()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that a program may use which drops its rights when it starts."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture(params=CACHES)
def edge(
    request: pytest.FixtureRequest, settings: Any, live_server: LiveServer, folder: Path
) -> Iterator[Edge]:
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    settings.PERSONALIZATION_EDGE = True
    settings.MIDDLEWARE = [fuzz.OURS, fuzz.COMMON]
    make_segments("a", "b")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    site = int(live_server.url.rpartition(":")[2])
    with running(CACHES[request.param](site, port, folder), port):
        yield Edge(port)


PAGE = "/public/keyed"


def test_each_visitor_sees_their_version_and_it_is_kept(edge: Edge) -> None:
    one, two, other = make_person("a"), make_person("a", "b"), make_person("b")
    edge.shows(PAGE, one)  # tells what the page asks
    seen = {
        name: [edge.shows(PAGE, person) for _ in range(4)]
        for name, person in {"one": one, "other": other, "two": two, "nobody": None}.items()
    }
    assert {shown for shown, _ in seen["one"] + seen["two"]} == {"a"}
    assert {shown for shown, _ in seen["other"]} == {"b"}
    assert {shown for shown, _ in seen["nobody"]} == {"everybody"}
    serials = {name: [serial for _, serial in answers] for name, answers in seen.items()}
    # One render for each version; of who is in a, the second finds that of the first.
    assert len({serial for answers in serials.values() for serial in answers}) == 3
    assert serials["one"] == serials["two"]


def test_a_changed_segment_shows_at_once(edge: Edge) -> None:
    person = make_person("a")
    assert [edge.shows(PAGE, person)[0] for _ in range(3)] == ["a"] * 3
    person.enter("b")
    assert edge.shows(PAGE, person)[0] == "b"
    person.agree_to()
    assert edge.shows(PAGE, person)[0] == "everybody"


def test_browsers_ask_again_each_time(edge: Edge) -> None:
    for person in (make_person("a"), None):
        for _ in range(3):
            said = edge.get(PAGE, person).getheader("Cache-Control")
            assert "max-age=0" in said or "no-cache" in said
            assert not re.search(r"\bmax-age=[1-9]", said.replace("s-maxage", ""))


def test_a_key_that_a_client_sends_is_worth_nothing(edge: Edge) -> None:
    person, other = make_person("a"), make_person("b")
    for _ in range(3):
        edge.shows(PAGE, person)
        edge.shows(PAGE)
    forged = {"X-Personalization-Key": "default", "X-Personalization-Page": "/bare/keyed"}
    assert edge.shows(PAGE, other, **forged)[0] == "b"
    assert edge.shows(PAGE, person, **forged)[0] == "a"
    assert edge.shows(PAGE)[0] == "everybody"


def test_what_is_for_one_visitor_is_not_kept(edge: Edge) -> None:
    one, other = make_person("a"), make_person("a")
    for path in ("/public/mixed", "/public/id", "/for-cdn/beside"):
        for _ in range(2):
            shown = [edge.shows(path, person) for person in (one, other, one)]
            assert len({serial for _, serial in shown}) == 3, path
    assert one.visitor_id in edge.shows("/public/id", one)[0]
    assert other.visitor_id in edge.shows("/public/id", other)[0]


def test_a_page_for_everybody_is_kept_for_everybody(edge: Edge) -> None:
    people = [make_person("a"), make_person("b"), None]
    assert len({edge.shows("/public/plain?x=1&y=2", person) for person in people * 2}) <= 2


def test_a_page_is_shown_without_a_key_rather_than_not_at_all(edge: Edge, settings: Any) -> None:
    settings.PERSONALIZATION_EDGE = False  # then there are no keys to be told
    person, other = make_person("a"), make_person("b")
    for _ in range(2):
        assert edge.shows(PAGE, person)[0] == "a"
        assert edge.shows(PAGE, other)[0] == "b"
        assert edge.shows(PAGE)[0] == "everybody"
