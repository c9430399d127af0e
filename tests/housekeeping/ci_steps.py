"""Functions of `.ci/run`, run by themselves."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.housekeeping.repository import ROOT


def run_steps(script: str, *, functions: tuple[str, ...], logs: Path) -> str:
    """Run shell commands that may call these functions; return what they note and print."""
    source = (ROOT / ".ci" / "run").read_text()
    found = [
        re.search(rf"^{name}\(\) \{{(?: [^\n]*|\n.*?^)\}}$", source, re.MULTILINE | re.DOTALL)
        for name in functions
    ]
    begin = (
        "set -uo pipefail; broken=0 passed=0 failed=0 skipped=0\n"
        'section() { :; }; note() { echo "note: $1"; }'
    )
    bodies = [match[0] for match in found if match]
    assert len(bodies) == len(functions), "a function is gone"
    done = subprocess.run(
        ["/bin/bash", "-c", "\n".join([begin, *bodies, script])],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "logs": str(logs), "PY": sys.executable},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
