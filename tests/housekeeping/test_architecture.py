from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.housekeeping.repository import PACKAGE, ROOT


def test_arrows_point_down() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    report = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, check=False)
    assert report.returncode == 0, report.stdout


# Django imports `admin` of every app and looks no further; environments of Jinja2 name the
# extension by its address.
FULL_INITS = {"personalization/admin/__init__.py", "personalization/contrib/jinja2/__init__.py"}


def test_package_inits_are_empty() -> None:
    inits = {str(path.relative_to(ROOT)): path for path in PACKAGE.rglob("__init__.py")}
    assert {name for name, path in inits.items() if path.read_text().strip()} <= FULL_INITS


def test_no_module_is_a_drawer() -> None:
    drawers = {"common", "helpers", "managers", "misc", "services", "utils"}
    paths = [*PACKAGE.rglob("*.py"), *(path for path in PACKAGE.rglob("*") if path.is_dir())]
    assert [str(path.relative_to(ROOT)) for path in paths if path.stem in drawers] == []
