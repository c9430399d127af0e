"""What the public suites of peers expect, in memory and in the database of the tests."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence

import pytest
from django.db import transaction

from personalization.clock import moment
from personalization.exceptions import InvalidRule
from personalization.rules.evaluate import evaluate
from personalization.rules.nodes import Rule
from personalization.segments.population import matching
from tests.rules import javascript
from tests.rules.javascript import asked as in_browser
from tests.rules.javascript import visible
from tests.rules.vectors.dittofeed import DITTOFEED
from tests.rules.vectors.growthbook import GROWTHBOOK
from tests.rules.vectors.optimizely import OPTIMIZELY
from tests.rules.vectors.suite import HERE, VECTORS, Question, Suite, Untranslatable
from tests.rules.vectors.unleash import UNLEASH
from tests.rules.vectors.unomi import UNOMI
from tests.rules.world import facts, linked, stored

SUITES = (DITTOFEED, GROWTHBOOK, OPTIMIZELY, UNLEASH, UNOMI)
#: Cases of each suite, and questions that are asked of them.
SIZES = {
    "dittofeed": (173, 126),
    "growthbook": (248, 87),
    "optimizely": (202, 151),
    "unleash": (159, 101),
    "unomi": (82, 66),
}


@pytest.fixture(params=SUITES, ids=[suite.name for suite in SUITES])
def suite(request: pytest.FixtureRequest) -> Suite:
    found: Suite = request.param
    if not found.file.exists():
        pytest.skip(f"the suites of peers are not at {VECTORS}")
    return found


def asked(suite: Suite) -> Iterator[tuple[str, Question]]:
    """Yield the questions of the cases that are not left out, refused rules aside."""
    for name, case in suite.cases.items():
        if name not in suite.skips and name not in suite.refused:
            for question in case():
                yield name, question


def compiled(question: Question) -> Rule:
    return linked(question.rule, question.segments)


def in_memory(question: Question) -> bool:
    rule = compiled(question)
    return evaluate(rule, facts(question.history, rule), now=question.now).holds


class Suites:
    """`evaluate` is the way of asking that a subclass is about."""

    def evaluate(self, questions: Sequence[Question]) -> list[bool]:
        raise NotImplementedError

    def test_answers_as_the_peer_does(self, suite: Suite) -> None:
        names, questions = zip(*asked(suite), strict=True)
        answers = self.evaluate(questions)
        wrong = [
            (name, question.rule, question.history)
            for name, question, answer in zip(names, questions, answers, strict=True)
            if answer is not question.expected
        ]
        assert wrong == []
        assert {True, False} <= set(answers)


class TestInMemory(Suites):
    def evaluate(self, questions: Sequence[Question]) -> list[bool]:
        return [in_memory(question) for question in questions]


@pytest.mark.django_db
class TestInSql(Suites):
    def evaluate(self, questions: Sequence[Question]) -> list[bool]:
        """Put all histories into the database, and ask it each different question once."""
        with transaction.atomic():
            ids = stored([question.history for question in questions])
            together: dict[str, list[int]] = defaultdict(list)
            for place, question in enumerate(questions):
                key = [question.rule, question.now, question.segments]
                together[json.dumps(key, sort_keys=True)].append(place)
            answers = [False] * len(questions)
            for places in together.values():
                first = questions[places[0]]
                found = matching(compiled(first), now=moment(first.now))
                for place in places:
                    answers[place] = ids[place] in found
            transaction.set_rollback(True)
        return answers


def test_browsers_answer_what_they_can_see_as_the_peer_does() -> None:
    if not DITTOFEED.file.exists():
        pytest.skip(f"the suites of peers are not at {VECTORS}")
    seen = [(name, each) for name, each in asked(DITTOFEED) if visible(each.rule)]
    answers = in_browser(javascript.Question(each.rule, each.history, each.now) for _, each in seen)
    wrong = [
        name
        for (name, question), answer in zip(seen, answers, strict=True)
        if answer.holds is not question.expected
    ]
    assert len(seen) > 60
    assert wrong == []


def test_malformed_rules_are_refused_and_so_match_nobody(suite: Suite) -> None:
    for name in suite.refused:
        for question in suite.cases[name]():
            assert question.expected is False, name
            with pytest.raises(InvalidRule):
                compiled(question)


def test_every_case_is_asked_or_left_out(suite: Suite) -> None:
    assert suite.refused <= suite.cases.keys()
    assert not suite.refused & suite.skips.keys()
    cases, questions = SIZES[suite.name]
    assert len(suite.cases) == cases
    assert sum(1 for _ in asked(suite)) + len(suite.refused) == questions


def test_no_case_is_left_out_without_need(suite: Suite) -> None:
    assert suite.skips.keys() <= suite.cases.keys()
    needless = [name for name, reason in suite.skips.items() if not _needed(suite, name, reason)]
    assert needless == []


def _needed(suite: Suite, name: str, reason: str) -> bool:
    """Return whether the case cannot be said, for that reason, or is answered otherwise."""
    try:
        questions = suite.cases[name]()
        return any(in_memory(question) is not question.expected for question in questions)
    except Untranslatable as error:
        return str(error) == reason
    except InvalidRule:
        return True


def test_departures_are_foretold(suite: Suite) -> None:
    """Of one history asked twice, the answer changes no sooner than was said."""
    earlier: dict[str, Question] = {}
    foretold = 0
    for name, question in asked(suite):
        steps, _, _ = name.partition(" | ")
        key = json.dumps([steps, question.rule, str(question.history)], sort_keys=True)
        before = earlier.get(key)
        earlier[key] = question
        if before is None or before.expected is question.expected:
            continue
        rule = compiled(before)
        changes = evaluate(rule, facts(before.history, rule), now=before.now).changes
        assert changes is not None
        assert before.now < changes <= question.now, name
        foretold += 1
    assert foretold >= (6 if suite is DITTOFEED else 0)


def test_the_list_names_suites_and_reasons() -> None:
    skips = json.loads((HERE / "skips.json").read_text())
    assert skips.keys() == {suite.name for suite in SUITES}
    assert all(len(reason) > 20 for suite in skips.values() for reason in suite.values())
