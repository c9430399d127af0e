"""Asks the shipped JavaScript engine about many rules in one process of Node."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from personalization.clock import site_zone
from personalization.rules.state import Answer
from personalization.types import Json, Microseconds
from tests.rules.oracle import every_leaf
from tests.rules.world import GAP, History

PROGRAM = Path(__file__).parent / "answers.mjs"
NODE_NEEDED = 20
#: Kinds of leaves that a browser can answer.
VISIBLE = {"event", "recency", "sequence", "regularity", "context", "consent"}


class Question(NamedTuple):
    rule: Any
    history: History
    now: Microseconds
    zone: str | None = None


def visible(rule: Any) -> bool:
    return all(leaf["kind"] in VISIBLE for leaf in every_leaf(rule["root"]))


def asked(questions: Iterable[Question]) -> list[Answer]:
    """Return the answers in the order of the questions; skip where there is no Node."""
    done = run(PROGRAM, json.dumps([_json(question) for question in questions]))
    assert done.returncode == 0, done.stderr
    return [Answer(answer["holds"], answer["changes"]) for answer in json.loads(done.stdout)]


def run(program: Path, text: str) -> subprocess.CompletedProcess[str]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed")
    version = subprocess.check_output([node, "--version"], text=True)
    if int(version.lstrip("v").partition(".")[0]) < NODE_NEEDED:
        pytest.skip(f"Node {NODE_NEEDED} or later is needed, not {version.strip()}")
    return subprocess.run([node, program], input=text, check=False, capture_output=True, text=True)


def _json(question: Question) -> Json:
    history = question.history
    return {
        "rule": question.rule,
        "now": question.now,
        "facts": {
            "events": [
                {
                    "name": event.name,
                    "at": event.at,
                    "id": event.message_id,
                    "properties": event.properties,
                }
                for event in reversed(history.occurrences())  # no order is promised
            ],
            "context": history.context,
            "consents": history.consents,
            "visitGap": GAP,
            "timeZone": question.zone or site_zone(),
        },
    }
