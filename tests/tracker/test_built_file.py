"""The committed tracker: small, harmless, really built from its sources, and packed for npm."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.tracker.stub_site import STATIC

BUILT = STATIC / "tracker.js"
FILES = ("tracker.js", "tracker-more.js")
SOURCES = Path(__file__).parents[2] / "tracker"
LIMIT = 3_072
NODE_NEEDED = 20


def node(*arguments: str, cwd: Path = SOURCES) -> subprocess.CompletedProcess[str]:
    program = shutil.which("node")
    if program is None:
        pytest.skip("Node is not installed")
    version = subprocess.check_output([program, "--version"], text=True)
    if int(version.lstrip("v").partition(".")[0]) < NODE_NEEDED:
        pytest.skip(f"Node {NODE_NEEDED} or later is needed, not {version.strip()}")
    return subprocess.run(
        [program, *arguments], cwd=cwd, check=False, capture_output=True, text=True
    )


def tool(name: str) -> str:
    """Return the program of a development dependency of the tracker."""
    program = SOURCES / "node_modules" / ".bin" / name
    if not program.exists():
        pytest.skip(f"{name} is not installed (npm install in tracker/)")
    return str(program)


@pytest.mark.parametrize("name", FILES)
def test_the_tracker_stays_within_its_budget(name: str) -> None:
    assert len(gzip.compress((STATIC / name).read_bytes(), 9)) <= LIMIT


def version() -> str:
    return str(json.loads((SOURCES / "package.json").read_text())["version"])


@pytest.mark.parametrize("name", FILES)
def test_the_tracker_says_its_version(name: str) -> None:
    text = (STATIC / name).read_text()
    assert text.startswith(f"/*! personalization {name.removesuffix('.js')} {version()} ")


@pytest.mark.parametrize("name", [*FILES, "consent.js"])
def test_scripts_need_no_exception_from_a_strict_content_policy(name: str) -> None:
    text = (STATIC / name).read_text()
    assert not re.search(r"\beval\b|new Function|innerHTML|document\.write|\.style\b", text)
    assert "http:" not in text
    assert "https:" not in text


def test_the_tracker_sets_no_cookie() -> None:
    assert not re.search(r"\.cookie\s*=[^=]", BUILT.read_text())


def test_the_built_file_is_what_the_sources_give() -> None:
    result = node("build.mjs", "--check")
    for missing in ("esbuild", "terser"):
        if f"Cannot find module '{missing}'" in result.stderr:
            pytest.skip(f"{missing} is not installed (npm install in tracker/, or NODE_PATH)")
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_units_of_the_tracker() -> None:
    result = node("--test")
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_types_of_the_tracker_hold() -> None:
    result = node(tool("tsc"), "--project", ".")
    assert result.returncode == 0, result.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What npm would publish, unpacked as npm would install it."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("npm")
    # A copy: others may pack at the same time.
    sources = folder / "tracker"
    shutil.copytree(SOURCES, sources, ignore=shutil.ignore_patterns("node_modules", "dist"))
    served = folder / STATIC.relative_to(SOURCES.parent)
    served.mkdir(parents=True)
    for file in (*(STATIC / name for name in FILES), SOURCES.parent / "LICENSE"):
        shutil.copy(file, served if file.suffix == ".js" else folder)
    packed = subprocess.run(
        [npm, "pack", "--json", "--pack-destination", str(folder)],
        cwd=sources,
        check=False,
        capture_output=True,
        text=True,
    )
    assert packed.returncode == 0, packed.stderr
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as opened:
        # Python 3.11 has filters from 3.11.4 on only; what is unpacked was packed here.
        opened.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)
        opened.extractall(folder)  # noqa: S202
    installed = folder / "node_modules" / "personalization-tracker"
    installed.parent.mkdir()
    (folder / "package").rename(installed)
    return installed


def test_the_package_holds_the_files_that_the_app_serves(package: Path) -> None:
    for name in FILES:
        assert (package / "dist" / name).read_bytes() == (STATIC / name).read_bytes()
    held = {str(file.relative_to(package)) for file in package.rglob("*") if file.is_file()}
    assert held == {
        "package.json",
        "README.md",
        "personalization.d.ts",
        "dist/LICENSE",
        *(f"dist/{name}" for name in FILES),
    }
    stated = json.loads((package / "package.json").read_text())
    assert (stated["version"], stated["license"]) == (version(), "BSD-3-Clause")
    assert "private" not in stated
    assert "dependencies" not in stated


def test_the_package_can_be_imported(package: Path) -> None:
    """It finds no page there, and so does nothing."""
    script = (
        "globalThis.document = {getElementById: () => null}; globalThis.window = globalThis;"
        "await import('personalization-tracker'); console.log(typeof window.personalization)"
    )
    result = node("--input-type=module", "--eval", script, cwd=package.parent.parent)
    assert (result.stdout, result.stderr) == ("undefined\n", "")


GOOD = "personalization.track('A', {n: 1}, {messageId: 'm'}); personalization.reset();"
BAD = "personalization.track(1);"


@pytest.mark.parametrize(("call", "holds"), [(GOOD, True), (BAD, False)])
def test_the_package_says_its_types(package: Path, call: str, holds: bool) -> None:
    project = package.parent.parent
    (project / "page.ts").write_text(
        "import 'personalization-tracker';\n"
        "import type { Personalization } from 'personalization-tracker';\n"
        f"const personalization: Personalization = window.personalization!;\n{call}\n"
    )
    options = ["--strict", "--noEmit", "--module", "esnext", "--moduleResolution", "bundler"]
    result = node(tool("tsc"), *options, "page.ts", cwd=project)
    assert (result.returncode == 0) is holds, result.stdout
