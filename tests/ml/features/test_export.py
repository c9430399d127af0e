"""Features as files: what stands in them, what of people does not, and what becomes of faults."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from personalization.clock import microseconds
from personalization.management.commands import export_features as export_command
from personalization.ml.features import export
from personalization.ml.features.definitions import UnknownFeature, path_feature
from personalization.ml.features.export import Exported, ExportFailed, export_features
from personalization.ml.features.shipped import names
from personalization.ml.features.table import feature_table
from personalization.privacy.models import AuditEntry
from personalization.profiles.models import Profile
from tests.ml.features.pasts import NOW

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
Make = Callable[..., Any]


@pytest.fixture
def people(make_profile: Make, make_event: Make) -> list[Profile]:
    """Three who consent, the third of whom came last; one who does not; one who did nothing."""
    found = []
    for number in range(4):
        profile = make_profile(
            identity=f"secret-{number}",
            consents={"personalization": number != 3},
            first_seen=NOW - (5 - number) * DAY,
        )
        make_event(profile, "Order Completed", at=NOW - (5 - number) * DAY, properties={"total": 5})
        found.append(profile)
    return [*found, make_profile(consents={"personalization": True})]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


_NOTHING = Exported(rows=0, visitors=0, version="v")
FEATURES = ["orders.revenue", "recency.order", "ratio.clicks", path_feature(["Order Completed"])]
INSTANTS = [microseconds(NOW), microseconds(NOW - 3.5 * DAY)]


def test_a_csv_has_a_row_for_each_instant_by_which_somebody_was_known(
    people: list[Profile], tmp_path: Path
) -> None:
    done = export_features(tmp_path / "rows.csv", at=INSTANTS, features=FEATURES)
    rows = rows_of(tmp_path / "rows.csv")
    assert [(row["visitor"], row["at"]) for row in rows] == [
        ("0", "2026-02-26T22:00:00+00:00"),
        ("0", "2026-03-02T10:00:00+00:00"),
        ("1", "2026-02-26T22:00:00+00:00"),
        ("1", "2026-03-02T10:00:00+00:00"),
        ("2", "2026-03-02T10:00:00+00:00"),
    ]
    assert rows[0]["orders.revenue"] == "5.0"
    assert rows[0]["recency.order"] == "1.5"
    assert rows[0]["ratio.clicks"] == ""
    assert (done.rows, done.visitors) == (5, 3)
    told = json.loads((tmp_path / "rows.csv.json").read_text())
    assert told["version"] == done.version
    assert told["features"]["recency.order"]["unit"] == "days"


def test_parquet_says_the_same_and_by_which_definitions(
    people: list[Profile], tmp_path: Path, monkeypatch: Any
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(export, "_PEOPLE", 2)  # in several portions
    done = export_features(tmp_path / "rows.parquet", at=INSTANTS, features=FEATURES)
    export_features(tmp_path / "rows.csv", at=INSTANTS, features=FEATURES)
    table = parquet.read_table(tmp_path / "rows.parquet")
    told = [{name: _as_csv(value) for name, value in row.items()} for row in table.to_pylist()]
    assert told == rows_of(tmp_path / "rows.csv")
    assert table.schema.metadata[b"personalization.features_version"].decode() == done.version
    definitions = json.loads(table.schema.metadata[b"personalization.features"])
    assert list(definitions) == FEATURES
    assert definitions["orders.revenue"]["most"] is None


def _as_csv(value: Any) -> str:
    if value is None:
        return ""
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)


def test_what_is_read_back_is_the_table(people: list[Profile], tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    export_features(tmp_path / "rows.parquet", at=INSTANTS[:1], features=names())
    read = parquet.read_table(tmp_path / "rows.parquet")
    table = feature_table([(each.pk, INSTANTS[0]) for each in people[:3]], features=names())
    for number, name in enumerate(names()):
        column = read.column(name).to_numpy(zero_copy_only=False)
        np.testing.assert_array_equal(column, table.rows[:, number])


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_files_say_of_nobody_who_they_are_unless_asked(
    people: list[Profile], tmp_path: Path, name: str
) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    export_features(tmp_path / name, at=INSTANTS, features=FEATURES)
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"profile" not in written
    assert b"secret" not in written
    export_features(tmp_path / name, at=INSTANTS, features=FEATURES, with_profiles=True)
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"profile" in written
    assert b"secret" not in written


def test_the_order_of_visitors_is_dealt_out_and_says_nothing_of_who_came_first(
    people: list[Profile], tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(export, "_PEOPLE", 2)  # in several portions
    orders = set()
    for seed in range(12):
        path = tmp_path / "rows.csv"
        export_features(path, at=INSTANTS, features=FEATURES, with_profiles=True, rng=Random(seed))
        rows = rows_of(path)
        assert len(rows) == 5
        found = list(dict.fromkeys((int(row["visitor"]), int(row["profile"])) for row in rows))
        assert [visitor for visitor, _ in found] == [0, 1, 2]
        orders.add(tuple(profile for _, profile in found))
    assert len(orders) > 2
    assert {frozenset(order) for order in orders} == {frozenset(each.pk for each in people[:3])}


def test_the_command_deals_them_out(tmp_path: Path, monkeypatch: Any) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(
        export_command, "_exporter", lambda: lambda path, **more: asked.append(more) or _NOTHING
    )
    call_command("export_features", str(tmp_path / "rows.csv"), stdout=StringIO())
    assert isinstance(asked[0]["rng"], SystemRandom)


def test_whose_a_row_is_can_be_asked_for(people: list[Profile], tmp_path: Path) -> None:
    export_features(tmp_path / "rows.csv", at=INSTANTS[:1], features=FEATURES, with_profiles=True)
    found = [row["profile"] for row in rows_of(tmp_path / "rows.csv")]
    assert found == [str(each.pk) for each in people[:3]]


def test_without_pyarrow_the_twin_is_named(
    people: list[Profile], tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ExportFailed, match=r"personalization\[parquet\], or write .csv"):
        export_features(tmp_path / "rows.parquet", at=INSTANTS, features=FEATURES)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "features", "says"),
    [
        ("rows.xlsx", FEATURES, "“rows.xlsx” has to end with .parquet or .csv"),
        ("rows", FEATURES, "has to end with"),
        ("rows.csv", [], "No feature is named"),
        ("nowhere/rows.csv", FEATURES, "nowhere"),
    ],
)
def test_what_cannot_be_written_is_said(
    people: list[Profile], tmp_path: Path, name: str, features: list[str], says: str
) -> None:
    with pytest.raises(ExportFailed, match=says):
        export_features(tmp_path / name, at=INSTANTS, features=features)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_fails_leaves_the_one_before(
    people: list[Profile], tmp_path: Path, monkeypatch: Any
) -> None:
    path = tmp_path / "rows.csv"
    export_features(path, at=INSTANTS, features=FEATURES)
    before = path.read_text()

    def full(*_args: Any, **_more: Any) -> Any:
        raise OSError("No space left on device")

    monkeypatch.setattr(export, "feature_table", full)
    with pytest.raises(ExportFailed, match="No space left"):
        export_features(path, at=INSTANTS, features=FEATURES)
    assert path.read_text() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["rows.csv", "rows.csv.json"]


# -- the command -----------------------------------------------------------------------------


def test_the_command_writes_and_is_noted(people: list[Profile], tmp_path: Path) -> None:
    path, out = tmp_path / "rows.csv", StringIO()
    call_command(
        "export_features", str(path), "--at", "2026-03-02T10:00:00Z",
        "--feature", "orders.count", "--feature", "orders.revenue", stdout=out,
    )  # fmt: skip
    assert "3 rows of 3 visitors" in out.getvalue()
    assert list(rows_of(path)[0]) == ["visitor", "at", "orders.count", "orders.revenue"]
    entry = AuditEntry.objects.get(action=AuditEntry.Action.EXPORTED)
    assert entry.detail == {"rows": 3, "visitors": 3, "with_profiles": False}


def test_the_command_writes_all_features_as_of_now(people: list[Profile], tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    call_command("export_features", str(path), stdout=StringIO())
    assert list(rows_of(path)[0]) == ["visitor", "at", *names()]


def test_the_command_asks_before_it_says_who_they_are(
    people: list[Profile], tmp_path: Path, monkeypatch: Any
) -> None:
    path = tmp_path / "rows.csv"
    for answer in ("", "n"):
        monkeypatch.setattr("builtins.input", lambda _text, answer=answer: answer)
        with pytest.raises(CommandError, match="Nothing was written"):
            call_command("export_features", str(path), "--with-profiles")
    assert not path.exists()
    monkeypatch.setattr("builtins.input", lambda _text: "y")
    call_command("export_features", str(path), "--with-profiles", stdout=StringIO())
    assert "profile" in rows_of(path)[0]


@pytest.mark.parametrize("time", ["yesterday", "2026-03-01T00:00:00", "2026-13-01T00:00:00Z"])
def test_the_command_refuses_what_is_no_instant(tmp_path: Path, time: str) -> None:
    with pytest.raises(CommandError, match=f"“{time}” is no instant"):
        call_command("export_features", str(tmp_path / "rows.csv"), "--at", time)


def test_the_command_says_which_feature_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"no feature “orders.number”"):
        call_command("export_features", str(tmp_path / "rows.csv"), "--feature", "orders.number")
    with pytest.raises(UnknownFeature):
        export_features(tmp_path / "rows.csv", at=INSTANTS, features=["orders.number"])


def test_without_the_extra_the_command_says_what_to_install(
    tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(export_command, "_EXPORT", "personalization.ml.features.nowhere.export")
    with pytest.raises(CommandError, match=r"pip install personalization\[ml\]"):
        call_command("export_features", str(tmp_path / "rows.csv"))


# -- odd wishes ------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_feature_that_is_named_twice_is_refused_by_its_name(
    people: list[Profile], tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"rows.{ending}"
    with pytest.raises(ExportFailed, match="“orders.count” is named twice"):
        export_features(path, at=INSTANTS, features=["orders.count", *FEATURES, "orders.count"])
    assert list(tmp_path.iterdir()) == []


def test_features_and_files_may_have_names_of_any_script(
    people: list[Profile], tmp_path: Path
) -> None:
    path = tmp_path / "größe 年齢.csv"
    export_features(path, at=INSTANTS, features=["path:/größe > 年齢, “x”"])
    assert list(rows_of(path)[0]) == ["visitor", "at", "path:/größe > 年齢, “x”"]
    told = json.loads(path.with_name(f"{path.name}.json").read_text(encoding="utf-8"))
    assert told["features"]["path:/größe > 年齢, “x”"]["label"] == "/größe → 年齢, “x”"


def test_an_instant_that_is_asked_for_twice_is_written_once(
    people: list[Profile], tmp_path: Path
) -> None:
    once, twice = tmp_path / "once.csv", tmp_path / "twice.csv"
    one = export_features(once, at=INSTANTS, features=FEATURES)
    both = export_features(twice, at=[*INSTANTS, *INSTANTS[::-1]], features=FEATURES)
    assert both == one
    assert twice.read_text() == once.read_text()


def test_before_anybody_was_known_a_file_has_its_head_alone(
    people: list[Profile], tmp_path: Path
) -> None:
    path = tmp_path / "rows.csv"
    done = export_features(path, at=[0], features=FEATURES)
    assert (done.rows, done.visitors) == (0, 0)
    assert path.read_text().splitlines() == [",".join(["visitor", "at", *FEATURES])]
