"""Offers in a site file, and the provider that a machine plays for them."""

import os
from pathlib import Path

import pytest

from hutong.connectors.local.provider import FILE, Provider
from hutong.connectors.local.sitefile import SiteFile, parse_site_file
from hutong.model.errors import HutongError
from hutong.model.ids import NodeId, PoolId
from hutong.model.job import Terms
from hutong.model.resources import Amount
from hutong.model.supply import NodeCondition, Offer, PriceBook

GOOD = """\
site: lab
owner: Test Laboratory
region: cn-beijing
jurisdiction: CN-BJ
pools: []
offers:
  - name: burst
    nodes_max: 3
    cpus: 4
    memory: 8GiB
    accelerator: a800-80gb
    count: 2
    boot_s: 1.5
    price: {accelerator_cny_per_hour: 12.5}
  - name: spot
    nodes_max: 100
    cpus: 4
    memory: 8GiB
    terms: spot
    revoked_per_hour: 0.25
    seed: 5
"""
BURST, SPOT = PoolId("lab/burst"), PoolId("lab/spot")


def site(text: str = GOOD) -> SiteFile:
    return parse_site_file(text.encode(), "lab.yaml")


def named(pool: PoolId, *numbers: int) -> dict[PoolId, tuple[NodeId, ...]]:
    return {pool: tuple(NodeId(f"{pool}-h-{number}") for number in numbers)}


def provider(folder: Path, text: str = GOOD) -> Provider:
    file = site(text)
    made = Provider(str(folder), file.inventory, file.seeds)
    made.load()
    return made


def test_offers_become_pools_without_nodes() -> None:
    inventory = site().inventory
    assert inventory.nodes == ()
    assert [pool.id for pool in inventory.pools] == [BURST, SPOT]
    assert inventory.pools[0].node == Amount(4_000, 8_192, 2_000)
    assert inventory.pools[0].declared
    price = PriceBook(12_500_000)
    assert inventory.offers == (
        Offer(BURST, Terms.ON_DEMAND, 3, 1_500, price),
        Offer(SPOT, Terms.SPOT, 100, 0, PriceBook(), 250),
    )


@pytest.mark.parametrize(
    ("before", "after", "line", "said"),
    [
        ("nodes_max: 3", "nodes_max: 0", 8, "out of range"),
        ("boot_s: 1.5", "boot_s: -1", 13, "out of range"),
        ("boot_s: 1.5", "boot: 90", 13, "Did you mean `boot_s`?"),
        ("terms: spot", "terms: gift", 19, "`terms` cannot be `gift`"),
        ("terms: spot", "terms: reserved", 20, "only spot nodes are"),
        ("revoked_per_hour: 0.25", "revoked_per_hour: 3601", 20, "out of range"),
        ("name: spot", "name: burst", 15, "another pool has that name"),
        ("12.5", "-1", 14, "it is no price"),
    ],
)
def test_what_is_wrong_with_an_offer_is_said_with_its_line(
    before: str, after: str, line: int, said: str
) -> None:
    assert before in GOOD
    with pytest.raises(HutongError) as refused:
        site(GOOD.replace(before, after, 1))
    assert refused.value.facts["line"] == line
    assert said in f"{refused.value.message} {refused.value.hint}"


def test_a_node_is_ready_after_its_boot(tmp_path: Path) -> None:
    made = provider(tmp_path)
    made.scale(named(BURST, 1), 10_000)
    assert [node.condition for node in made.nodes(11_499)] == [NodeCondition.BOOTING]
    assert [node.condition for node in made.nodes(11_500)] == [NodeCondition.READY]
    assert made.next_change_ms(10_000) == 11_500
    assert made.next_change_ms(11_500) is None


def test_the_next_provider_goes_on_from_the_record(tmp_path: Path) -> None:
    made = provider(tmp_path)
    made.scale(named(SPOT, 1, 2, 3), 10_000)
    assert provider(tmp_path).nodes(10_000) == made.nodes(10_000)
    assert provider(tmp_path).next_change_ms(10_000) == made.next_change_ms(10_000)


def test_equal_seeds_and_names_are_taken_back_at_equal_times(tmp_path: Path) -> None:
    def fates(text: str, folder: str) -> list[int | None]:
        (tmp_path / folder).mkdir()
        found = []
        for number in range(1, 9):
            made = provider(tmp_path / folder, text)
            made.scale(named(SPOT, number), 0)
            found.append(made.next_change_ms(0))
        return found

    first = fates(GOOD, "one")
    assert first == fates(GOOD, "two")
    assert first != fates(GOOD.replace("seed: 5", "seed: 6"), "three")


def test_nodes_last_as_long_on_average_as_the_rate_says(tmp_path: Path) -> None:
    made = provider(tmp_path)
    made.scale(named(SPOT, *range(1, 101)), 0)
    ends = []
    while (at_ms := made.next_change_ms(0)) is not None:
        ends += [at_ms] * len(made.revoke_due(at_ms))
    assert len(ends) == 100
    # A quarter an hour is four hours; a mean of a hundred lies within a third of that.
    assert 2.7 < sum(ends) / len(ends) / 3_600_000 < 5.3


def test_what_was_taken_back_stays_on_record_while_it_is_wanted(tmp_path: Path) -> None:
    made = provider(tmp_path)
    (name,) = named(SPOT, 1)[SPOT]
    made.scale(named(SPOT, 1), 0)
    at_ms = made.next_change_ms(0)
    assert at_ms is not None
    assert made.revoke_due(at_ms - 1) == ()
    assert made.revoke_due(at_ms) == (name,)
    assert provider(tmp_path).is_gone(name)
    assert made.scale(named(SPOT, 1), at_ms) == ()
    assert made.scale({}, at_ms) == (name,)
    assert not provider(tmp_path).is_gone(name)


def test_a_disk_that_takes_nothing_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = provider(tmp_path)
    made.scale(named(BURST, 1), 0)

    def full(_file: int) -> None:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        made.scale(named(BURST, 1, 2), 0)
    assert len(made.nodes(0)) == len(provider(tmp_path).nodes(0)) == 1
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_damaged_record_is_said_and_not_forgotten(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"{")
    with pytest.raises(OSError, match="damaged"):
        provider(tmp_path)
    assert (tmp_path / FILE).read_bytes() == b"{"
