"""Workers that count at the same time: one count stands, and it is whole."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from personalization.ml.models import PopularityCount
from personalization.ml.serving import popular_now
from personalization.ml.serving.popular_now import popular
from personalization.ml.serving.popular_worker import JUST, count_popularity
from tests.delivery.people import make_person
from tests.delivery.recommending import look_at
from tests.ml.training.test_concurrent import at_once

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


def test_of_many_at_once_the_latest_count_stands() -> None:
    now = timezone.now()
    look_at(make_person(), "a", "b")
    for round_ in range(3):
        first = now + round_ * 4 * JUST
        moments = [first + n * timedelta(milliseconds=1) for n in range(4)]
        found = at_once(*[lambda at=at: count_popularity(now=at) for at in moments])
        assert set(found) <= {0, 2}
        assert 2 in found
        row = PopularityCount.objects.get()
        assert row.counted_at in moments
        popular_now.forget()
        assert popular(now=moments[-1]).scores.keys() == {"a", "b"}
