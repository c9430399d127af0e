"""The one conversion between aware datetimes and integer microseconds; the site's time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.utils.timezone import get_default_timezone_name

from personalization.types import Microseconds

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(moment: datetime) -> Microseconds:
    """Return the aware `moment` as microseconds since the epoch, exactly."""
    return (moment - EPOCH) // _MICROSECOND


def moment(instant: Microseconds) -> datetime:
    """Return the aware UTC datetime of `instant`."""
    return EPOCH + timedelta(microseconds=instant)


def span(duration: timedelta) -> Microseconds:
    """Return the length of `duration` in microseconds."""
    return duration // _MICROSECOND


def site_zone() -> str:
    """Return the name of the time zone that calendar days and hours of the site are of."""
    return get_default_timezone_name()
