"""`manage.py personalization_lint`: findings in words or as JSON, and an exit code for CI."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from personalization.delivery.models import Slot, Variation
from personalization.segments.models import Segment
from tests.rules.building import either, happened, rule, segment, trait

pytestmark = pytest.mark.django_db

#: Seconds of one processor that 200 segments may take.
PATIENCE = 10.0
ODD = rule(trait("plan", "=", "pro"), trait("plan", "=", "free"))
DOUBLE = rule(trait("plan", "=", "pro"), trait("plan", "=", "pro"))


def run(*arguments: str) -> int:
    try:
        call_command("personalization_lint", *arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


@pytest.mark.parametrize(
    ("stored", "level", "code"),
    [
        (ODD, "error", 1),
        (ODD, "warning", 1),
        (ODD, "never", 0),
        (DOUBLE, "error", 0),
        (DOUBLE, "warning", 1),
    ],
)
def test_the_exit_code_says_whether_something_was_as_bad(
    stored: Any, level: str, code: int, make_segment: Callable[..., Segment]
) -> None:
    make_segment("odd", stored)
    assert run("--fail-level", level) == code


def test_errors_fail_unless_told_otherwise(make_segment: Callable[..., Segment]) -> None:
    make_segment("odd", ODD)
    assert run() == 1


def test_text_names_the_segment_the_place_and_what_to_do(
    make_segment: Callable[..., Segment], capsys: pytest.CaptureFixture[str]
) -> None:
    make_segment("odd", ODD)
    run("odd")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "error contradictory odd /root/rules/1"
    assert lines[1] == (
        "  “whose plan is pro” and “whose plan is free” can never both hold. "
        "So nobody can be in it."
    )
    assert lines[2] == "  Change one of the conditions, or take it out."
    assert lines[-1] == "1 error, 0 warnings, 1 note."


def test_json_is_one_object(
    make_segment: Callable[..., Segment], capsys: pytest.CaptureFixture[str]
) -> None:
    make_segment("odd", ODD)
    assert run("--format", "json", "--fail-level", "never") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["counts"] == {"error": 1, "warning": 0, "note": 1}
    first = report["findings"][0]
    assert set(first) == {"code", "severity", "segments", "pointer", "message", "advice"}
    assert (first["code"], first["severity"]) == ("contradictory", "error")
    assert (first["segments"], first["pointer"]) == (["odd"], "/root/rules/1")


def test_what_a_variation_or_a_template_names_is_used(
    make_segment: Callable[..., Segment],
    capsys: pytest.CaptureFixture[str],
    settings: Any,
    tmp_path: Any,
) -> None:
    varied, named, spare = (
        make_segment(slug, rule(trait("plan", "=", slug))) for slug in ("varied", "named", "spare")
    )
    slot = Slot.objects.create(slug="hero", name="Hero")
    Variation.objects.create(slot=slot, segment=varied, name="v", content="c")
    (tmp_path / "page.html").write_text("{% in_segment 'named' %}")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    run("--format", "json")
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [each["segments"] for each in found if each["code"] == "unused"] == [["spare"]]
    assert named.active
    assert spare.active


def test_a_slug_that_is_no_segment_is_refused() -> None:
    with pytest.raises(CommandError, match="no active segment nowhere"):
        run("nowhere")


@pytest.mark.parametrize("option", ["--min-members=x", "--min-share=-1", "--live-days=nan"])
def test_a_limit_that_is_no_number_is_refused(option: str) -> None:
    with pytest.raises(CommandError):
        run(option)


def test_limits_are_options(make_segment: Callable[..., Segment]) -> None:
    made = make_segment("small", rule(trait("plan", "=", "pro")))
    Segment.objects.filter(pk=made.pk).update(refreshed_at=made.created_at)
    assert run("--min-members", "1", "--live-days", "0", "--fail-level", "warning") == 0


def test_the_segment_whose_members_are_paused_is_used(
    make_segment: Callable[..., Segment], capsys: pytest.CaptureFixture[str], settings: Any
) -> None:
    make_segment("hasty", rule(happened("Page Viewed", ">=", 100, last="PT5M")))
    run()
    assert "note unused hasty" in capsys.readouterr().out
    settings.PERSONALIZATION_PAUSE_SEGMENT = "hasty"
    run()
    assert "unused" not in capsys.readouterr().out


def test_many_segments_are_looked_at_in_seconds(make_segment: Callable[..., Segment]) -> None:
    events = ["Page Viewed", "Product Added", "Order Completed"]
    for n in range(200):
        name, other = events[n % 3], events[(n + 1) % 3]
        make_segment(
            f"segment-{n}",
            rule(
                happened(name, ">=", n % 9 + 1, last=f"P{n % 30 + 1}D"),
                either(happened(other, "=", 0, last="P7D"), trait("plan", "=", f"plan {n % 7}")),
                *([segment(f"segment-{n - 1}")] if n % 10 == 9 else []),
            ),
        )
    began = time.process_time()
    run("--fail-level", "never")
    assert time.process_time() - began < PATIENCE


def test_a_rule_that_compares_what_is_encrypted_by_now_is_told(
    settings: Any, capsys: Any, make_segment: Callable[..., Segment]
) -> None:
    make_segment("gold", rule(trait("plan", "=", "gold")))
    assert run() == 0
    settings.PERSONALIZATION_ENCRYPTED_TRAITS = ("plan",)
    capsys.readouterr()
    assert run() == 1
    assert "kept encrypted" in capsys.readouterr().out
