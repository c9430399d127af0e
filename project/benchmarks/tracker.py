"""What arrives of tabs, and how big the script is, beside its peers.

Each tab is opened, waited for and clicked in: one view and one click of each have to arrive.
First the tab is closed in the same breath, and nobody is quicker. Then it stays open, but the
server has too much to do, and answers each event with 503 the first time.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from personalization.events.collection import KINDS
from project.benchmarks.results import Effort, Result, benchmarks
from project.benchmarks.tracker_peers import PeerUnavailable, Tracker, peers
from project.benchmarks.tracker_site import CLICK, LONG, STATIC, VIEW, Site, ours

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

#: 40 tabs with the rounds there are by default.
TABS_A_ROUND = 4
OUR_SCRIPTS = ("/script/ours.js", "/script/more.js")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
#: Peers keep quiet in a browser that says that a program drives it.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-blink-features=AutomationControlled",
]
AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/141.0.0.0 Safari/537.36"
)


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """How many clicks and views arrived of so many tabs, and how many of them twice."""

    tabs: int
    clicks: int
    views: int
    repeated: int

    @property
    def loss(self) -> float:
        """Return which part of the events is missing, in percent."""
        return 100 * (1 - (self.clicks + self.views) / (2 * self.tabs))


@benchmarks.register("tracker")
def measure(effort: Effort) -> Sequence[Result]:
    """Measure ours and, unless it is to be without, those that npm has."""
    tabs = TABS_A_ROUND * effort.rounds
    with tempfile.TemporaryDirectory(prefix="tracker-") as folder, _browser() as context:
        found = [ours(), *(_reachable(Path(folder)) if effort.peer else ())]
        site = Site(found)
        try:
            closed = {one.name: _of_closed_tabs(context, site, one, tabs=tabs) for one in found}
            site.forget()
            site.busy = True
            busy = {one.name: _of_a_busy_server(context, site, one, tabs=tabs) for one in found}
            longest = _longest_task(context, site)
        finally:
            site.close()
    return [
        *_of_ours(closed, busy),
        Result(
            name="longest_task",
            value=longest,
            unit="ms",
            floor="of the processor; all kinds collected of a page of 2,000 parts; long is 50",
        ),
        *_sizes(found),
        *_of_peers(found, closed, busy),
    ]


def _reachable(folder: Path) -> Iterator[Tracker]:
    """Yield the peers that can be fetched; of others, say why not and leave them out."""
    for peer in peers(folder):
        if isinstance(peer, PeerUnavailable):
            sys.stderr.write(f"Left out: {peer}\n")
        else:
            yield peer


@contextmanager
def _browser() -> Iterator[BrowserContext]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise RuntimeError("This benchmark needs playwright: pip install playwright.") from None
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        raise RuntimeError(f"No browser is installed (looked for {', '.join(BROWSERS)}).")
    with sync_playwright() as run:
        browser = run.chromium.launch(executable_path=program, args=FLAGS)
        try:
            yield browser.new_context(user_agent=AGENT)
        finally:
            browser.close()


def _of_closed_tabs(
    context: BrowserContext, site: Site, tracker: Tracker, *, tabs: int
) -> Delivered:
    opener = _opener(context, site)
    for n in range(tabs):
        _open(opener, f"/{tracker.name}/{n}")
        opener.evaluate("tab.document.getElementById('buy').click(); tab.close()")
    site.wait(tracker.name, tabs=tabs)
    opener.close()
    return _delivered(site, tracker, tabs=tabs)


def _of_a_busy_server(
    context: BrowserContext, site: Site, tracker: Tracker, *, tabs: int
) -> Delivered:
    opener = _opener(context, site)
    opened = [_open(opener, f"/{tracker.name}/{n}") for n in range(tabs // TABS_A_ROUND)]
    for tab in opened:
        tab.click("#buy")
    site.wait(tracker.name, tabs=len(opened))
    for page in (*opened, opener):
        page.close()
    return _delivered(site, tracker, tabs=len(opened))


def _longest_task(context: BrowserContext, site: Site) -> float:
    """Return the milliseconds that the longest task of the tracker keeps the processor busy.

    As the browser's own trace has it: what a busy machine adds to it is not the tracker's.
    """
    site.busy, site.collect = False, list(KINDS)
    page, browser = context.new_page(), context.browser
    if browser is None:
        raise RuntimeError("The browser is gone.")
    browser.start_tracing(page=page, categories=["devtools.timeline"])
    page.goto(f"{site.url}/{LONG}", wait_until="networkidle")
    for n in range(30):
        page.mouse.move(200, 100 + n)
        page.mouse.wheel(0, 3_000)
        page.wait_for_timeout(50)
    trace = json.loads(browser.stop_tracing())
    page.close()
    return max(_times_of_scripts(trace["traceEvents"])) / 1000


def _times_of_scripts(events: Iterable[Any]) -> Iterator[float]:
    """Yield the microseconds of each time that one of our scripts ran to its end.

    One that still ran when the trace ended is told as a beginning ("B") without a duration.
    """
    for event in events:
        if event["name"] in ("EvaluateScript", "FunctionCall") and event["ph"] == "X":
            url = event["args"].get("data", {}).get("url", "")
            if url.endswith(OUR_SCRIPTS):
                yield event["tdur"]


def _opener(context: BrowserContext, site: Site) -> Page:
    context.add_cookies([{"name": "pz_consent", "value": "1.analytics", "url": site.url}])
    opener = context.new_page()
    opener.goto(site.url)
    return opener


def _open(opener: Page, path: str) -> Page:
    with opener.expect_popup() as opening:
        opener.evaluate("path => { window.tab = window.open(path) }", path)
    opening.value.wait_for_load_state("load")
    return opening.value


def _delivered(site: Site, tracker: Tracker, *, tabs: int) -> Delivered:
    return Delivered(
        tabs=tabs,
        clicks=len(site.of(tracker.name, CLICK)),
        views=len(site.of(tracker.name, VIEW)),
        repeated=site.repeated(tracker.name),
    )


def _of_ours(closed: Mapping[str, Delivered], busy: Mapping[str, Delivered]) -> Iterator[Result]:
    ours, late = closed["ours"], busy["ours"]
    yield Result(name="clicks_of_closed_tabs", value=ours.clicks, unit=f"of {ours.tabs}")
    yield Result(name="repeated", value=ours.repeated + late.repeated, unit="events")
    yield Result(
        name="event_loss",
        value=ours.loss,
        unit="%",
        floor=f"{2 * ours.tabs} views and clicks of closed tabs",
    )
    yield Result(
        name="event_loss_busy",
        value=late.loss,
        unit="%",
        floor=f"{2 * late.tabs} views and clicks, each refused once with 503",
    )


def _sizes(found: Sequence[Tracker]) -> Iterator[Result]:
    yield Result(name="gzip_size", value=_gzipped(found[0].script), unit="bytes", floor="gzip -9")
    more = (STATIC / "tracker-more.js").read_text()
    yield Result(
        name="gzip_size_more",
        value=_gzipped(more),
        unit="bytes",
        floor="loaded where the manifest or the page asks for it",
    )


def _of_peers(
    found: Sequence[Tracker], closed: Mapping[str, Delivered], busy: Mapping[str, Delivered]
) -> Iterator[Result]:
    for peer in found[1:]:
        theirs, late, size = closed[peer.name], busy[peer.name], _gzipped(peer.script)
        yield Result(
            name=f"clicks_{peer.name}", value=theirs.clicks, unit=f"of {theirs.tabs}",
            floor=peer.version,
        )  # fmt: skip
        yield Result(
            name=f"event_loss_{peer.name}", value=theirs.loss, unit="%", floor=peer.version
        )
        yield Result(
            name=f"event_loss_busy_{peer.name}", value=late.loss, unit="%", floor=peer.version
        )
        yield Result(
            name=f"gzip_size_{peer.name}",
            value=size,
            unit="bytes",
            floor=peer.version,
            ratio=_gzipped(found[0].script) / size,
        )


def _gzipped(script: str) -> int:
    return len(gzip.compress(script.encode(), 9))
