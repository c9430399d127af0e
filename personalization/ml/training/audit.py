"""Compare what a version says that it learned from with what the log says now."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.utils.formats import number_format
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from personalization.events.models import Event
from personalization.ml.feedback import stored_item_events
from personalization.ml.models import ModelVersion
from personalization.ml.training.logged import done_with_items
from personalization.ml.training.recommend_plan import RECOMMEND

#: By its place: who imports it computes with numpy.
_ROWS_NOW = "personalization.ml.training.recounting.rows_now"


@dataclass(frozen=True, kw_only=True)
class Recount:
    """Rows of training of one version: as `kept` with it, and as `counted` in the log now.

    `late` is how many events of the window arrived after its end, when the log had been read.
    """

    kept: int
    counted: int
    late: int
    #: So many are drawn if there are more; None: all are learned from.
    most: int | None = None
    #: Whether weights of feedback say what is a row.
    weighed: bool = False

    @property
    def usable(self) -> int:
        """How many rows a training would learn from now."""
        return self.counted if self.most is None else min(self.counted, self.most)

    @property
    def difference(self) -> int:
        """How many rows a training would have more (above 0) or less than the version was made
        of."""
        return self.usable - self.kept

    def words(self) -> str:
        """Return what was found, with what may be the reason for a difference."""
        said = {"kept": _number(self.kept), "counted": _number(self.counted)}
        return " ".join([self._told() % said, *self._late_words()])

    def _told(self) -> str:
        if not self.difference:
            if self.usable < self.counted:
                return _(
                    "The version was made of %(kept)s rows, drawn of all: the log has %(counted)s."
                )
            return _("The log has the same %(kept)s rows.")
        if self.difference < 0:
            return (
                _(
                    "The version was made of %(kept)s rows, and the log has %(counted)s now: "
                    "visitors were erased or take their consent back, events have grown too old, "
                    "or weights of feedback were changed."
                )
                if self.weighed
                else _(
                    "The version was made of %(kept)s rows, and the log has %(counted)s now: "
                    "visitors were erased or take their consent back, or events have grown too old."
                )
            )
        return (
            _(
                "The version was made of %(kept)s rows, and the log has %(counted)s now: visitors "
                "agree who did not, weights of feedback were changed, or events came late."
            )
            if self.weighed
            else _(
                "The version was made of %(kept)s rows, and the log has %(counted)s now: visitors "
                "agree who did not, or events came late."
            )
        )

    def _late_words(self) -> list[str]:
        words = ngettext(
            "%(n)s event of the window arrived after its end.",
            "%(n)s events of the window arrived after its end.",
            self.late,
        )
        return [words % {"n": _number(self.late)}] if self.late else []


def recounted(version: ModelVersion) -> Recount | None:
    """Count the rows of a version's window anew, by the weights and consents as they are now.

    None for a version that has no window, or of a model whose rows nobody knows here. Reads all
    of the window: as long as a training reads, and in as little memory.
    """
    since, until = version.window_from, version.window_until
    if since is None or until is None:
        return None
    if version.name == RECOMMEND:
        return _of_items(version, since=since, until=until)
    try:
        found = import_string(_ROWS_NOW)(version, since=since, until=until)
    except ImportError:  # the extra is missing
        return None
    if found is None:
        return None
    return Recount(
        kept=version.rows,
        counted=found.rows,
        late=_late(since=since, until=until),
        most=found.most,
    )


def _of_items(version: ModelVersion, *, since: datetime, until: datetime) -> Recount:
    events = stored_item_events()
    return Recount(
        kept=version.rows,
        counted=sum(
            1
            for visitor in done_with_items(since=since, until=until, events=events)
            for done in visitor
        ),
        late=_late(since=since, until=until, names=events.names),
        weighed=True,
    )


def _late(*, since: datetime, until: datetime, names: Collection[str] = ()) -> int:
    """Return how many events of the window, or of these names, arrived after its end."""
    late = Event.objects.filter(timestamp__gte=since, timestamp__lt=until, received_at__gt=until)
    if names:
        late = late.filter(name__in=sorted(names))
    return late.count()


def _number(n: int) -> str:
    return number_format(n, force_grouping=True)
