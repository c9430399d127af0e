"""The scripts of Plausible and Umami, fetched with npm into a folder that is thrown away.

Nothing of them is part of this project. Umami's tracker is published as the source of its
server; it is made small as its own build does it.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PLAUSIBLE, UMAMI, TERSER = "@plausible-analytics/tracker@0.4.6", "umami@2.10.0", "terser@5.51.4"
#: Seconds that npm may take for one thing.
PATIENCE = 120


class PeerUnavailable(Exception):
    """A peer cannot be fetched."""


@dataclass(frozen=True, kw_only=True)
class Tracker:
    """A script and what the page says to start it; `post` is where it sends to."""

    name: str
    version: str
    script: str
    tags: str
    post: str


def plausible(folder: Path) -> Tracker:
    """Return Plausible's tracker, as its package has it.

    :raises PeerUnavailable: saying what npm said.
    """
    script = (_fetched(PLAUSIBLE, folder) / "plausible.js").read_text()
    return Tracker(
        name="plausible",
        version=PLAUSIBLE,
        script=script,
        # It has no marks for buttons: its documentation calls `track`.
        tags='<script type="module" src="/start/plausible.js"></script>',
        post="/api/event",
    )


#: How a site starts Plausible's tracker, by its documentation.
PLAUSIBLE_START = """import { init, track } from '/script/plausible.js';
init({ domain: 'shop.example', endpoint: '/api/event', captureOnLocalhost: true });
const buy = document.getElementById('buy');
buy.addEventListener('click', () => track('Buy', { props: { n: buy.dataset.umamiEventN } }));
"""


def umami(folder: Path) -> Tracker:
    """Return Umami's tracker, made of its published source.

    :raises PeerUnavailable: saying what npm said.
    """
    source = _fetched(UMAMI, folder) / "src" / "tracker" / "index.js"
    _npm("install", "--no-package-lock", "--ignore-scripts", TERSER, folder=folder)
    terser = folder / "node_modules" / ".bin" / "terser"
    script = _run([str(terser), str(source), "--compress", "evaluate=false", "--mangle"], folder)
    return Tracker(
        name="umami",
        version=UMAMI,
        script=script,
        tags='<script defer src="/script/umami.js" data-website-id="shop" data-host-url="/">'
        "</script>",
        post="/api/send",
    )


def peers(folder: Path) -> Iterator[Tracker | PeerUnavailable]:
    """Yield each peer, or why it is not there."""
    for fetch in (plausible, umami):
        try:
            yield fetch(folder)
        except PeerUnavailable as error:
            yield error


def _fetched(package: str, folder: Path) -> Path:
    """Return the folder with what `package` publishes, without what it depends on."""
    archive = folder / _npm("pack", "--silent", package, folder=folder).split()[-1]
    target = folder / archive.stem
    with tarfile.open(archive) as packed:
        # Python 3.11 has filters from 3.11.4 on only.
        packed.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)
        packed.extractall(target)  # noqa: S202 - by that filter
    return target / "package"


def _npm(*arguments: str, folder: Path) -> str:
    npm = shutil.which("npm")
    if npm is None:
        raise PeerUnavailable("npm is not installed.")
    return _run([npm, *arguments], folder)


def _run(command: list[str], folder: Path) -> str:
    try:
        done = subprocess.run(
            command, cwd=folder, check=True, capture_output=True, text=True, timeout=PATIENCE
        )
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip().splitlines() or ["nothing"]
        raise PeerUnavailable(f"{command[-1]}: {said[-1]}") from error
    except subprocess.TimeoutExpired as error:
        raise PeerUnavailable(f"{command[-1]}: not there after {PATIENCE} s.") from error
    return done.stdout
