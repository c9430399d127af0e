"""What one read tells of a visitor."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any

from django.db import connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from personalization.clock import microseconds
from personalization.conf import settings
from personalization.delivery.published import (
    NOTHING,
    Published,
    asks_features,
    asks_requests,
    published,
)
from personalization.delivery.standing import Standing
from personalization.experiments.bandits.policy import context_of
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity, Snapshot
from personalization.revisions import Revision
from personalization.rules.evaluate import evaluate
from personalization.segments.live import live_rules_at
from personalization.segments.membership import facts_of
from personalization.types import Json, JsonObject, Microseconds


@dataclass(frozen=True)
class Known:
    """A visitor's consents and memberships, and what is published."""

    published: Published = NOTHING
    consents: frozenset[str] = frozenset()
    segments: frozenset[str] = frozenset()
    profile_id: int | None = None
    #: Of the snapshot, and only where a bandit looks at them.
    features: Mapping[str, Json] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """What chance is drawn by: the profile, which stays the same when somebody logs in and
        when profiles become one; empty for nobody."""
        return "" if self.profile_id is None else str(self.profile_id)

    @property
    def groups(self) -> frozenset[str]:
        """The versions of the segments that people know which the visitor is in, as snapshots
        name them."""
        listed = self.segments.intersection(self.published.segments)
        versions = self.published.versions
        return frozenset(str(pk) for pk, each in versions.items() if each.slug in listed)

    @property
    def stale(self) -> frozenset[str]:
        """The slugs of the segments whose memberships do not follow their rules yet."""
        return self.published.stale

    def standing(
        self, *, consented: bool, bot: bool, unit: str, now: Microseconds, preview: bool = False
    ) -> Standing:
        """Return what decisions for the visitor depend on."""
        return Standing(
            segments=self.segments,
            weights=self.published.weights,
            consented=consented,
            bot=bot,
            paused=settings.PAUSE_SEGMENT in self.segments,
            preview=preview,
            unit=unit,
            now=now,
            features=context_of(
                self.published.features, features=self.features, segments=self.segments
            ),
        )


NOBODY = Known()


def read_visitor(
    visitor_id: str,
    *,
    context: Callable[[], JsonObject] = dict,
    now: datetime,
    namespace: str = Identity.ANONYMOUS,
) -> Known:
    """Return what is known of the visitor: one read, by the unique key of the identity.

    Where rules speak of the request, `context` describes it. `visitor_id` is of `namespace`.
    Features are read along where a bandit looks at some.
    """
    alias = router.db_for_read(Snapshot)
    connection = connections[alias]
    # A failure inside a transaction of the page must not take the page along.
    apart = transaction.atomic(using=alias) if connection.in_atomic_block else nullcontext()
    with apart:
        key = Key(namespace, visitor_id)
        if asks_requests():
            return _read_whole(connection, key, context, now)
        row = _row(connection, _WITH_FEATURES if asks_features() else _COLUMNS, key)
        if row is None:
            return NOBODY
        profile_id, memberships, consents, *features, revision = row
        config = published(revision or 0)
        # For the first time in this process:
        if config.on_request or (config.features and not features):
            return _read_whole(connection, key, context, now)
        known = _known(
            config, profile_id, json.loads(memberships), json.loads(consents), microseconds(now)
        )
        return replace(known, features=json.loads(features[0])) if features else known


def _read_whole(
    connection: BaseDatabaseWrapper, key: Key, context: Callable[[], JsonObject], now: datetime
) -> Known:
    """Read all that rules may look at, and decide those that speak of the request."""
    fields = Snapshot._meta.concrete_fields
    row = _row(connection, ", ".join(f"snapshot.{field.column}" for field in fields), key)
    if row is None:
        return NOBODY
    *values, revision = row
    snapshot = Snapshot.from_db(
        connection.alias,
        [field.attname for field in fields],
        [_python(value, field, connection) for value, field in zip(values, fields, strict=True)],
    )
    return known_of(snapshot, revision=revision or 0, context=context, now=now)


def _row(connection: BaseDatabaseWrapper, columns: str, key: Key) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(_sql(columns), [Revision.ID, key.namespace, key.value])
        return cursor.fetchone()


def _python(value: Any, field: Any, connection: BaseDatabaseWrapper) -> Any:
    """Return what the database has for `field` as the ORM would."""
    column = field.cached_col
    of_database = connection.ops.get_db_converters(column)
    for convert in (*of_database, *column.get_db_converters(connection)):
        value = convert(value, column, connection)
    return value


def known_of(
    snapshot: Snapshot, *, revision: int, context: Callable[[], JsonObject] = dict, now: datetime
) -> Known:
    """Return what a whole snapshot tells at a revision that was read just now."""
    at = microseconds(now)
    config = published(revision)
    live = live_rules_at(config.revision)
    known = _known(config, snapshot.pk, snapshot.memberships, snapshot.consents, at)
    if config.features:
        known = replace(known, features=snapshot.features)
    if not live.on_request:
        return known
    facts = replace(facts_of(snapshot, live), context=context())
    here = (slug for slug, rule in live.on_request.items() if evaluate(rule, facts, now=at).holds)
    return replace(known, segments=known.segments.union(here))


_COLUMNS = "snapshot.profile_id, snapshot.memberships, snapshot.consents"
_WITH_FEATURES = f"{_COLUMNS}, snapshot.features"


@cache
def _sql(columns: str) -> str:
    """Return the read in plain SQL: building it with the ORM takes longer than running it."""
    snapshot, identity = Snapshot._meta.db_table, Identity._meta.db_table
    return (  # of names of our own; the values are parameters
        f"SELECT {columns},"  # noqa: S608
        f" (SELECT number FROM {Revision._meta.db_table} WHERE id = %s) AS revision"
        f" FROM {identity} identity"
        f" JOIN {snapshot} snapshot ON snapshot.profile_id = identity.profile_id"
        " WHERE identity.namespace = %s AND identity.value = %s"
    )


def _known(
    config: Published,
    profile_id: int,
    memberships: Mapping[str, Sequence[int | None]],
    consents: Mapping[str, Json],
    now: Microseconds,
) -> Known:
    return Known(
        published=config,
        consents=frozenset(name for name, yes in consents.items() if yes is True),
        segments=_segments_at(now, memberships=memberships, config=config),
        profile_id=profile_id,
    )


def _segments_at(
    now: Microseconds, *, memberships: Mapping[str, Sequence[int | None]], config: Published
) -> frozenset[str]:
    """Return the slugs of the memberships that hold at `now`, by their exact ends."""
    versions = config.versions
    return frozenset(
        version.slug
        for key, (since, until, _) in memberships.items()
        if since is not None
        and since <= now
        and (until is None or now < until)
        and (version := versions.get(int(key))) is not None
        and (version.end is None or now < version.end)
    )
