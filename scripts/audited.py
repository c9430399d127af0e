"""Tell what pip-audit found: its answer in JSON, then what it complained of; exit 1 if it is bad.

    python scripts/audited.py ANSWER COMPLAINTS

pip-audit finds nothing wrong with what it could not look up, so that is counted and told.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

UNREACHED = "skipped, the database of known vulnerabilities cannot be reached"
#: How pip-audit and what is below it say that there was no answer.
_NO_ANSWER = re.compile(r"connect|timed? ?out|name resolution|max retries", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A line for the summary, and whether the run may be called good."""

    text: str
    is_good: bool


def judge(answer: str, *, complaints: str) -> Verdict:
    """Return what to say of an answer, which is empty where pip-audit gave up."""
    if not answer.strip():
        return _without_answer(complaints)
    pins: list[dict[str, Any]] = json.loads(answer)["dependencies"]
    unknown = sorted(pin["name"] for pin in pins if "skip_reason" in pin)
    if found := sorted(told for pin in pins for told in _vulnerabilities(pin)):
        return Verdict(text=f"known to be vulnerable: {'; '.join(found)}", is_good=False)
    if len(unknown) == len(pins):
        return Verdict(text=UNREACHED, is_good=True)
    left = f"; skipped, for it knows nothing of them: {', '.join(unknown)}" if unknown else ""
    return Verdict(text=f"ok, pins looked up: {len(pins) - len(unknown)}{left}", is_good=True)


def _without_answer(complaints: str) -> Verdict:
    if _NO_ANSWER.search(complaints):
        return Verdict(text=UNREACHED, is_good=True)
    last = complaints.strip().splitlines()[-1:] or ["it said nothing"]
    return Verdict(text=f"no answer: {last[0]}", is_good=False)


def _vulnerabilities(pin: dict[str, Any]) -> list[str]:
    """Return each that is known of the pin, with the versions that are free of it."""
    return [
        f"{pin['name']} {pin['version']} ({known['id']}, "
        f"fixed in {', '.join(known['fix_versions']) or 'no version'})"
        for known in pin.get("vulns", ())
    ]


def main(answer: str, complaints: str) -> int:
    verdict = judge(Path(answer).read_text(), complaints=Path(complaints).read_text())
    print(verdict.text)
    return 0 if verdict.is_good else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
