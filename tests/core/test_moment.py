"""A moment that has not come is refused where it is entered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from brain.core.errors import MomentRefused
from brain.core.moment import CLOCK_SKEW, entered

CLOCK = datetime(2024, 1, 9, 6, tzinfo=UTC)


@pytest.mark.parametrize("ahead", [timedelta(), -timedelta(days=9), CLOCK_SKEW])
def test_what_has_come_is_taken(ahead: timedelta) -> None:
    assert entered(CLOCK + ahead, CLOCK).at == CLOCK + ahead


@pytest.mark.parametrize("ahead", [CLOCK_SKEW + timedelta(seconds=1), timedelta(days=366)])
def test_what_has_not_come_is_refused(ahead: timedelta) -> None:
    with pytest.raises(MomentRefused, match="when it is 2024-01-09 06:00 UTC; expected a moment that has come"):
        entered(CLOCK + ahead, CLOCK)


def test_time_zones_are_told_apart() -> None:
    tokyo = timezone(timedelta(hours=9))
    assert entered(datetime(2024, 1, 9, 15, tzinfo=tokyo), CLOCK).at == CLOCK
    with pytest.raises(MomentRefused):
        entered(datetime(2024, 1, 9, 6, tzinfo=timezone(-timedelta(hours=5))), CLOCK)


@pytest.mark.parametrize("zone", [None, timezone(-timedelta(hours=5))], ids=["no time zone", "beyond the calendar"])
def test_a_time_that_says_no_moment_is_refused(zone: timezone | None) -> None:
    with pytest.raises(MomentRefused, match="expected a time that says which moment it is"):
        entered(datetime.max.replace(tzinfo=zone), CLOCK)
