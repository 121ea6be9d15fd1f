"""Moments are integers: microseconds since 1970-01-01T00:00:00Z, so that they fit arrays and compare exactly."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Moment = int
Clock = Callable[[], Moment]

SECOND: Moment = 1_000_000
HOUR: Moment = 3600 * SECOND
DAY: Moment = 24 * HOUR
LONG_AGO: Moment = -(2**61)
"""Stands for "no time known" in arrays; older than every real moment."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utcnow() -> Moment:
    """The system clock, the default of every ``clock`` argument."""
    return to_moment(datetime.now(UTC))


def to_moment(when: datetime) -> Moment:
    """Microseconds since 1970 of an aware datetime, exactly (no float on the way)."""
    return (when - _EPOCH) // timedelta(microseconds=1)


def to_datetime(moment: Moment) -> datetime:
    """The aware UTC datetime of a moment."""
    return _EPOCH + timedelta(microseconds=moment)


def to_text(moment: Moment) -> str:
    """ISO 8601 with ``Z``; a fraction only where there is one."""
    return to_datetime(moment).isoformat().replace("+00:00", "Z")
