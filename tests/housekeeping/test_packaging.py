from __future__ import annotations

import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from tests.housekeeping.repository import PACKAGE, ROOT

LEFT_OUT = {".po", ".pyc"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return zipfile.ZipFile(built)


def test_the_wheel_holds_every_file_of_the_app(wheel: zipfile.ZipFile) -> None:
    files = {
        str(path.relative_to(ROOT))
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix not in LEFT_OUT
    }
    assert files - set(wheel.namelist()) == set()


@pytest.mark.parametrize(
    "needed",
    [
        "personalization/py.typed",
        "personalization/migrations/0001_",
        "personalization/templates/personalization/",
        "personalization/static/personalization/tracker.js",
        "personalization/rules/schema.json",
    ],
)
def test_the_wheel_holds_what_is_not_code(wheel: zipfile.ZipFile, needed: str) -> None:
    assert [name for name in wheel.namelist() if name.startswith(needed)]


def test_the_wheel_holds_nothing_but_the_app(wheel: zipfile.ZipFile) -> None:
    folders = {Path(name).parts[0] for name in wheel.namelist()}
    assert {folder for folder in folders if not folder.endswith(".dist-info")} == {
        "personalization"
    }


def test_the_demo_and_its_tools_are_no_requirement(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
    metadata = Parser().parsestr(wheel.read(name).decode())
    always = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert sorted(line.split(">=")[0].lower() for line in always) == [
        "celery",
        "django",
        "djangorestframework",
    ]
    assert metadata["License-Expression"] == "BSD-3-Clause"
