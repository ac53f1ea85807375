"""What was seen of an offer's nodes, and how long the next one is expected to last."""

from hutong.scheduler.when.spot_deadline import ZonePast
from hutong.scheduler.when.spot_past import UNSEEN, SpotPast

HOUR_MS = 3_600_000
BEGIN_MS = 1_000 * HOUR_MS


def test_a_node_that_stays_speaks_for_its_offer() -> None:
    past = UNSEEN.after(BEGIN_MS, held=True, lost=False)
    early, late = past.lasts_ms(BEGIN_MS + HOUR_MS), past.lasts_ms(BEGIN_MS + 9 * HOUR_MS)
    assert UNSEEN.lasts_ms(BEGIN_MS) < early < late


def test_a_node_that_was_taken_speaks_against_it() -> None:
    held = UNSEEN.after(BEGIN_MS, held=True, lost=False)
    lost = held.after(BEGIN_MS + HOUR_MS, held=False, lost=True)
    assert lost.none_ms == BEGIN_MS + HOUR_MS
    assert lost.lasts_ms(BEGIN_MS + HOUR_MS) < held.lasts_ms(BEGIN_MS + HOUR_MS)


def test_a_refusal_puts_an_offer_behind_one_that_nobody_asked() -> None:
    asked = UNSEEN.after(BEGIN_MS, held=True, lost=False)
    refused = asked.after(BEGIN_MS + 60_000, held=False, lost=True)
    assert refused.lasts_ms(BEGIN_MS + 60_000) < UNSEEN.lasts_ms(BEGIN_MS + 60_000)


def test_a_node_given_back_is_no_revocation() -> None:
    held = UNSEEN.after(BEGIN_MS, held=True, lost=False)
    given = held.after(BEGIN_MS + HOUR_MS, held=False, lost=False)
    assert given.none_ms == 0
    assert given.lasts_ms(BEGIN_MS + 2 * HOUR_MS) == 2 * HOUR_MS


def test_it_knows_what_a_zones_past_knows_that_saw_the_same() -> None:
    past, zone = UNSEEN, ZonePast()
    now_ms = BEGIN_MS
    for hours in (3, 40, 7):
        past = past.after(now_ms, held=True, lost=False)
        now_ms += hours * HOUR_MS
        past = past.after(now_ms, held=False, lost=True)
        zone.note(hours * HOUR_MS, available=True)
        zone.note(0, available=False)
    assert past.values == zone.values
    assert past.lasts_ms(now_ms) == zone.lasts_ms


def test_the_past_fades_while_nobody_asks() -> None:
    past = UNSEEN.after(BEGIN_MS, held=True, lost=False)
    past = past.after(BEGIN_MS + HOUR_MS, held=False, lost=True)
    years_ms = 100_000 * HOUR_MS
    assert past.lasts_ms(BEGIN_MS + years_ms) == UNSEEN.lasts_ms(BEGIN_MS)


def test_a_clock_that_went_back_counts_as_no_time() -> None:
    past = SpotPast(noted_ms=BEGIN_MS, held=True).after(BEGIN_MS - HOUR_MS, held=True, lost=False)
    assert past.noted_ms == BEGIN_MS
    assert past.values == UNSEEN.values
