"""Where the repository is and which files belong to it."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "personalization"


def tracked_files() -> list[Path]:
    """Return the files that git knows; of an unpacked archive, nothing."""
    try:
        listing = subprocess.run(
            ["git", "ls-files", "-z"],  # noqa: S607 - whichever git the machine has
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return []
    names = [name for name in listing.stdout.split("\0") if name]
    return [path for name in names if (path := ROOT / name).is_file()]
