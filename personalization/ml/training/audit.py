"""Compare what a version says that it learned from with what the log says now."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from personalization.events.models import Event
from personalization.ml.feedback import stored_item_events
from personalization.ml.models import ModelVersion
from personalization.ml.training.logged import done_with_items
from personalization.ml.training.recommend_plan import RECOMMEND


@dataclass(frozen=True, kw_only=True)
class Recount:
    """Rows of training of one version: as `kept` with it, and as `counted` in the log now.

    `late` is how many events of the window arrived after its end, when the log had been read.
    """

    kept: int
    counted: int
    late: int

    @property
    def difference(self) -> int:
        """How many rows the log has more (above 0) or less than the version was made of."""
        return self.counted - self.kept

    def words(self) -> str:
        """Return what was found, with what may be the reason for a difference."""
        if not self.difference:
            return _("The log has the same %(n)s rows.") % {"n": _number(self.kept)}
        said = {"kept": _number(self.kept), "counted": _number(self.counted)}
        if self.difference < 0:
            told = _(
                "The version was made of %(kept)s rows, and the log has %(counted)s now: visitors "
                "were erased or take their consent back, events have grown too old, or weights of "
                "feedback were changed."
            )
        else:
            told = _(
                "The version was made of %(kept)s rows, and the log has %(counted)s now: visitors "
                "agree who did not, weights of feedback were changed, or events came late."
            )
        return " ".join([told % said, *self._late_words()])

    def _late_words(self) -> list[str]:
        words = ngettext(
            "%(n)s event of the window arrived after its end.",
            "%(n)s events of the window arrived after its end.",
            self.late,
        )
        return [words % {"n": _number(self.late)}] if self.late else []


def recounted(version: ModelVersion) -> Recount | None:
    """Count the rows of a version's window anew, by the weights and consents as they are now.

    None for a version that has no window, or that learned from other rows than what was done
    with items: those of features are of people at instants, and not rows of the log. Reads all
    of the window: as long as a training reads, and in as little memory.
    """
    since, until = version.window_from, version.window_until
    if version.name != RECOMMEND or since is None or until is None:
        return None
    events = stored_item_events()
    late = Event.objects.filter(
        name__in=sorted(events.names),
        timestamp__gte=since,
        timestamp__lt=until,
        received_at__gt=until,
    )
    return Recount(
        kept=version.rows,
        counted=sum(
            1
            for visitor in done_with_items(since=since, until=until, events=events)
            for done in visitor
        ),
        late=late.count(),
    )


def _number(n: int) -> str:
    return number_format(n, force_grouping=True)
