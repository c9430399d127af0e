"""`manage.py benchmark models`: what it runs, prints, and says of what is not there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from personalization.ml.base import Options
from personalization.ml.history import History, history_of
from personalization.ml.recommenders.popularity import Popularity
from personalization.ml.recommenders.vstan import Vstan
from project.benchmarks.models import diginetica, epub, epub_log
from project.benchmarks.models.data import MissingData, data, folder
from project.benchmarks.models.next_item import Asked, measured
from project.benchmarks.models.rows import Row, protocols
from project.benchmarks.results import Effort


@pytest.fixture
def _only_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave no protocol but two that measure nothing."""

    def easy(effort: Effort) -> Iterator[Row]:
        yield Row(
            name="easy",
            value=53.0,
            unit="% HR@20",
            published=52.9,
            published_by="SLIST",
            reference=52.6,
            goal=52,
            popularity=1.06,
            note="a note",
        )

    def needy(effort: Effort) -> Iterator[Row]:
        yield Row(name="needy", value=float(len(data("none/such.txt").name)), unit="letters")

    monkeypatch.setattr(protocols, "_entries", {"easy": easy, "needy": needy})


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("benchmark", "models", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.django_db  # it says on which database it ran
@pytest.mark.usefixtures("_only_ours")
def test_a_row_has_what_it_stands_beside() -> None:
    answer = json.loads(run("--json", "--only", "easy"))
    assert set(answer) == {"benchmark", "versions", "results"}
    assert "numpy" in answer["versions"]
    (row,) = answer["results"]
    assert row["value"] == 53.0
    assert row["floor"] == "popularity 1.06"
    assert row["ratio"] == pytest.approx(50.0)
    assert (row["published"], row["reference"], row["goal"]) == (52.9, 52.6, 52)


@pytest.mark.django_db  # it says on which database it ran
@pytest.mark.usefixtures("_only_ours")
def test_a_table_says_it_in_words() -> None:
    title, row = run("--only", "easy").splitlines()
    assert title.startswith("models (")
    for said in ("53", "popularity 1.06", "published 52.9 (SLIST)", "reference 52.6", "a note"):
        assert said in row
    assert "NOT REACHED" not in row


@pytest.mark.django_db  # it says on which database it ran
@pytest.mark.usefixtures("_only_ours")
def test_what_is_missing_is_said_and_the_rest_is_measured(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer = json.loads(run("--json"))
    assert [row["name"] for row in answer["results"]] == ["easy"]
    said = capsys.readouterr().err
    assert "Left out: needy" in said
    assert "none/such.txt" in said
    assert "PERSONALIZATION_DATA" in said


@pytest.mark.usefixtures("_only_ours")
def test_where_everything_is_missing_it_fails() -> None:
    with pytest.raises(CommandError, match=r"none/such\.txt.*PERSONALIZATION_DATA"):
        run("--only", "needy")


@pytest.mark.usefixtures("_only_ours")
def test_a_protocol_that_there_is_not_is_named_with_those_that_there_are() -> None:
    with pytest.raises(CommandError, match="“hard”. There are: easy, needy"):
        run("--only", "easy", "hard")


@pytest.mark.parametrize(
    ("value", "goal", "less_is_better", "met"),
    [(2, 2, False, True), (1, 2, False, False), (2, 2, True, True), (3, 2, True, False)],
)
def test_a_goal_is_reached_or_not(
    value: float, goal: float, less_is_better: bool, met: bool
) -> None:
    row = Row(name="x", value=value, unit="", goal=goal, less_is_better=less_is_better)
    assert row.met is met
    assert ("NOT REACHED" in row.beside()) is not met


def test_a_row_may_name_another_floor() -> None:
    row = Row(name="x", value=4, unit="s", floor="implicit: 2 s", ratio=2.0, popularity=3.0)
    assert (row.floor, row.ratio) == ("implicit: 2 s", 2.0)
    assert Row(name="x", value=4, unit="s").met


def test_data_are_where_they_are_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERSONALIZATION_DATA", str(tmp_path))
    (tmp_path / "here.txt").touch()
    assert data("here.txt") == tmp_path / "here.txt"
    with pytest.raises(MissingData, match="elsewhere"):
        data("elsewhere.txt")
    monkeypatch.delenv("PERSONALIZATION_DATA")
    assert folder().parts[-2:] == ("shared", "data")


class Fixed(Popularity):
    """Says the same whatever it is asked."""

    def __init__(self, **scores: float) -> None:
        super().__init__()
        self.items = tuple(scores)
        self._scores = np.array(list(scores.values()), np.float32)


def test_ranks_are_counted_as_the_protocols_do() -> None:
    asked = [Asked(history=history_of("a"), target=item, cold=item == "c") for item in "abcx"]
    found = measured(Fixed(a=3, b=2, c=1), asked)
    assert found.hit20 == pytest.approx(3 / 4)
    assert found.mrr20 == pytest.approx((1 + 1 / 2 + 1 / 3) / 4)
    assert (found.cold_hit20, found.n, found.n_cold) == (1.0, 4, 1)


def test_what_is_known_may_be_left_out() -> None:
    asked = [Asked(history=history_of("a"), target="b")]
    assert measured(Fixed(a=3, b=2), asked, known_left_out=True).mrr20 == 1
    assert measured(Fixed(a=3, b=2), asked).mrr20 == 0.5


def test_equal_scores_gain_nothing_by_luck() -> None:
    asked = [Asked(history=History(), target=item) for item in "abc"]
    assert measured(Fixed(a=1, b=1, c=1), asked).mrr20 == pytest.approx(0.5)


def write(folder: Path, **files: str) -> None:
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")


def test_the_visits_of_the_shop_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONALIZATION_DATA", str(tmp_path))
    write(
        tmp_path,
        diginetica__train_sessions_dot_txt="1 2\n2 3 1\n" * 30,
        diginetica__test_prefix_target_dot_tsv="1\t2\n2 3\t1\n",
    )
    rows = list(diginetica.measure(Effort()))
    assert [row.name for row in rows] == ["diginetica_hr20", "diginetica_mrr20"]
    assert rows[0].value == 100


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> epub_log.Log:
    monkeypatch.setenv("PERSONALIZATION_DATA", str(tmp_path))
    write(
        tmp_path,
        epub__epub_dot_dat="s1;a\ns1;b\ns2;a\ns3;a\ns3;c\ns3;a\n",
        epub__epub_dot_time=(
            "s1;Wed Jan  3 19:59:00 2007\ns2;Thu Jan  4 06:46:01 2007\ns3;Fri Feb  1 10:00:00 2008\n"
        ),
        epub__info_dot_csv=(
            'author;lang;title\na;"Doe, J.; Roe, R.";"eng";"On A";"k1";"k2";"Series / S";2001;"Long"\n'
            'd;"Doe, J.";"eng";"On D";"";"";"";2001;""\n'
        ),
    )
    return epub_log.read_log()


def test_the_log_of_the_publication_site_is_read(log: epub_log.Log) -> None:
    rows = log.interactions
    assert [rows.items[item] for item in rows.item] == ["a", "b", "a", "a", "c", "a"]
    assert rows.visit.tolist() == [0, 0, 1, 2, 2, 2]
    assert log.catalogue.items == ("a", "b", "c", "d")
    assert log.catalogue.texts == ("On A k1 k2 Long", "", "", "On D   ")
    assert log.catalogue.tags[0] == ("Doe, J.", "Roe, R.", "Series", "S")


def test_each_document_of_a_visit_is_asked_for_once(log: epub_log.Log) -> None:
    begin = epub_log.instant(year=2008)
    later, learned = log.interactions.since(begin), log.interactions.before(begin)
    asked = list(epub._questions(later, learned=learned))
    told = [(each.history.items, each.target, each.cold) for each in asked]
    assert told == [(("c",), "a", False), (("a",), "c", True)]


def test_every_protocol_has_a_name_of_its_own() -> None:
    assert {"diginetica", "epub", "stacked"} <= set(protocols.names())


@pytest.mark.slow
def test_neighbours_of_visits_reach_what_is_claimed() -> None:
    """On every 20th question."""
    try:
        visits = diginetica._visits(data("diginetica/train_sessions.txt"))
        path = data("diginetica/test_prefix_target.tsv")
    except MissingData as error:
        pytest.skip(str(error))
    asked = list(diginetica._asked(path, now=0))[::20]
    found = measured(Vstan().fit(diginetica._dataset(visits), Options()), asked)
    assert found.hit20 > 0.51
    assert found.mrr20 > 0.175
