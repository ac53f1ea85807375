"""What a machine really has, and who holds which of its chips."""

import msgspec
import pytest

from hutong.connectors.local import machine
from hutong.connectors.local.machine import ChipBook, check_machine, stack_of
from hutong.connectors.local.sitefile import parse_site_file
from hutong.model.attempt import AttemptOrder, NodeShare
from hutong.model.errors import HutongError
from hutong.model.ids import AttemptId
from hutong.model.resources import Amount
from hutong.model.supply import Inventory
from tests.conformance.connectors import SITE, gang, order

DECLARED = parse_site_file(SITE, "lab").inventory


def real(**changes: object) -> Inventory:
    """One pool that says it is this machine, one node unless told otherwise."""
    pool = msgspec.structs.replace(
        DECLARED.pools[0],
        **{"declared": False, "accelerator": "", "node": Amount(500, 16), **changes},
    )
    return Inventory((pool,), DECLARED.nodes[:1])


def chips(number: int, milli: int, tasks: int = 1) -> AttemptOrder:
    nodes = (NodeShare(DECLARED.nodes[0].id, tasks),)
    return order(number, nodes=nodes, needs=Amount(1_000, 64, milli))


def test_a_declared_pool_may_be_larger_than_the_machine() -> None:
    huge = msgspec.structs.replace(DECLARED.pools[0], node=Amount(10**9, 10**9, 10**6))
    check_machine(Inventory((huge,), DECLARED.nodes))
    assert stack_of(huge) == "cuda"


def test_a_pool_of_this_machine_is_taken() -> None:
    check_machine(real())
    assert stack_of(real().pools[0]) == ""


@pytest.mark.parametrize(
    ("inventory", "said"),
    [
        (Inventory(real().pools, DECLARED.nodes), "2 nodes"),
        (real(node=Amount(10**9, 16)), "CPUs"),
        (real(node=Amount(500, 10**9)), "MiB"),
        (real(node=Amount(500, 16, 8_000), accelerator="Ascend910B3"), "/dev/davinci"),
    ],
)
def test_a_pool_that_says_it_is_this_machine_and_is_more_is_refused(
    inventory: Inventory, said: str
) -> None:
    with pytest.raises(HutongError, match=r"connector\.refused") as refused:
        check_machine(inventory)
    assert said in refused.value.message
    assert "declared: true" in refused.value.hint


def test_chips_whose_device_files_are_there_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "DEVICE_FILES", {"cuda": "/dev/null*"})
    check_machine(real(node=Amount(500, 16, 1_000), accelerator="A100-40GB"))


def test_each_task_gets_chips_of_its_own() -> None:
    book = ChipBook(DECLARED)
    held, ranks = book.take(chips(1, 2_000, tasks=2))
    assert ranks == [[0, 1], [2, 3]]
    assert held == {"lab/chips-1": [(0, 1000), (1, 1000), (2, 1000), (3, 1000)]}
    assert book.take(chips(2, 3_000))[1] == [[4, 5, 6]]


def test_fractions_share_the_fullest_chip_that_still_has_room() -> None:
    book = ChipBook(DECLARED)
    assert book.take(chips(1, 600))[1] == [[0]]
    assert book.take(chips(2, 500))[1] == [[1]]
    assert book.take(chips(3, 400))[1] == [[0]]
    assert book.take(chips(4, 500))[1] == [[1]]
    assert book.take(chips(5, 6_000))[1] == [[2, 3, 4, 5, 6, 7]]


def test_more_than_is_free_is_refused_and_nothing_is_held() -> None:
    book = ChipBook(DECLARED)
    with pytest.raises(HutongError, match=r"connector\.failed"):
        book.take(chips(1, 5_000, tasks=2))
    assert book.take(chips(2, 8_000))[1] == [[0, 1, 2, 3, 4, 5, 6, 7]]
    with pytest.raises(HutongError, match=r"connector\.failed"):
        book.take(chips(3, 100))


def test_nodes_have_chips_of_their_own() -> None:
    book = ChipBook(DECLARED)
    wide = order(nodes=gang(1, 1), needs=Amount(1_000, 64, 8_000))
    assert book.take(wide)[1] == [[0, 1, 2, 3, 4, 5, 6, 7]] * 2


def test_what_is_given_back_is_free_again_once() -> None:
    book = ChipBook(DECLARED)
    held, _ = book.take(chips(1, 8_000))
    book.give_back(chips(1, 8_000).attempt)
    book.give_back(chips(1, 8_000).attempt)
    book.hold(AttemptId("h0test-j9-1"), held)
    with pytest.raises(HutongError, match=r"connector\.failed"):
        book.take(chips(2, 1_000))
    book.give_back(AttemptId("h0test-j9-1"))
    assert book.take(chips(2, 8_000))[1] == [[0, 1, 2, 3, 4, 5, 6, 7]]


def test_chips_of_nodes_that_are_no_longer_there_do_no_harm() -> None:
    book = ChipBook(DECLARED)
    book.hold(AttemptId("h0test-j9-1"), {"lab/gone": [(0, 1000)], "lab/chips-1": [(99, 1000)]})
    book.give_back(AttemptId("h0test-j9-1"))
    assert book.take(chips(2, 1_000))[1] == [[0]]
