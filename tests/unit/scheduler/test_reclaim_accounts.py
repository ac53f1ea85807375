"""Who is within a guarantee, who borrows, and what may be taken back from whom."""

from hutong.model.ids import AttemptId, TenantId
from hutong.model.resources import Amount
from hutong.model.tenant import QuotaResource, QuotaRule
from hutong.scheduler.claim import Claim
from hutong.scheduler.supply import Running
from hutong.scheduler.tenants import Entity, Ledger
from tests.unit.scheduler.worlds import A100, ASCEND, World

CHIPS = QuotaResource.ACCELERATORS


class Bank:
    """A world of eight nodes with eight chips each, its ledger, and what runs by name."""

    def __init__(self, **guaranteed: int) -> None:
        self.world = World().pool("bj/gpu", nodes=8, chips=8)
        for tenant, count in guaranteed.items():
            rule = QuotaRule(CHIPS, guaranteed=count * 1000)
            self.world.tenant(tenant.replace("_", "/"), rules=(rule,))
        self.node = 0

    def hold(self, tenant: str, chips: int) -> AttemptId:
        self.node += 1
        return self.world.runs(f"bj/gpu-{self.node - 1}", chips=chips, tenant=tenant)

    def ledger(self) -> Ledger:
        snapshot = self.world.state.snapshot(self.world.now_ms)
        return Ledger(snapshot.tenants, snapshot.supply.total)

    def entity(self, tenant: str) -> Entity:
        return self.world.state.snapshot(0).tenants.find(TenantId(tenant))

    def running(self, attempt: AttemptId) -> Running:
        return self.world.state.snapshot(0).supply.running[attempt]


def asks(chips: int, model: str = A100, cpu: int = 1_000) -> Claim:
    return Claim(Amount(cpu, 1, chips * 1000), model, "bj", "beijing")


def test_an_owner_may_ask_up_to_its_guarantee() -> None:
    bank = Bank(a=16)
    bank.hold("a", 8)
    assert bank.ledger().entitled(bank.entity("a"), asks(8))
    assert not bank.ledger().entitled(bank.entity("a"), asks(9))
    assert not bank.ledger().entitled(bank.entity("b"), asks(1))


def test_a_guarantee_of_chips_gives_no_right_to_cpu_nor_one_of_cpu_to_chips() -> None:
    bank = Bank(a=16)
    bank.world.tenant("c", rules=(QuotaRule(QuotaResource.CPU, guaranteed=64_000),))
    assert not bank.ledger().entitled(bank.entity("a"), asks(0, ""))
    assert bank.ledger().entitled(bank.entity("c"), asks(0, ""))
    assert not bank.ledger().entitled(bank.entity("c"), asks(1))


def test_a_guarantee_on_one_chip_is_none_on_another() -> None:
    bank = Bank()
    bank.world.tenant("a", rules=(QuotaRule(CHIPS, guaranteed=8_000, model=ASCEND),))
    assert bank.ledger().entitled(bank.entity("a"), asks(8, ASCEND))
    assert not bank.ledger().entitled(bank.entity("a"), asks(8))


def test_a_department_may_ask_by_the_guarantee_above_it() -> None:
    bank = Bank(org=16, org_x=4)
    bank.hold("org/y", 8)
    ledger = bank.ledger()
    within = ledger.owner(bank.entity("org/x"), asks(4))
    above = ledger.owner(bank.entity("org/x"), asks(8))
    assert within is bank.entity("org/x")
    assert above is bank.entity("org")
    assert ledger.owner(bank.entity("org/x"), asks(9)) is None


def test_who_borrows_may_lose_what_is_beyond_its_guarantee_and_no_more() -> None:
    bank = Bank(owner=16, b=8)
    small, large = bank.hold("b", 4), bank.hold("b", 8)
    ledger, owner = bank.ledger(), bank.entity("owner")
    assert ledger.borrows(bank.running(small))
    assert ledger.reclaimable(owner, bank.running(small))
    assert not ledger.reclaimable(owner, bank.running(large))
    assert not ledger.reclaimable(owner, bank.running(large), [bank.running(small)])


def test_two_victims_together_may_not_take_a_tenant_below_its_guarantee() -> None:
    bank = Bank(owner=32, b=8)
    held = [bank.running(bank.hold("b", 4)) for _ in range(3)]
    ledger, owner = bank.ledger(), bank.entity("owner")
    assert ledger.reclaimable(owner, held[0])
    assert not ledger.reclaimable(owner, held[0], [held[1]])
    ledger.reclaim(held[1])
    assert not ledger.reclaimable(owner, held[0])
    assert not ledger.borrows(held[0])


def test_who_has_no_guarantee_borrows_all_it_holds() -> None:
    bank = Bank(owner=16)
    held = bank.running(bank.hold("c", 8))
    assert bank.ledger().borrows(held)
    assert bank.ledger().reclaimable(bank.entity("owner"), held)


def test_an_organisation_within_its_guarantee_covers_its_departments() -> None:
    bank = Bank(owner=16, org=16)
    held = bank.running(bank.hold("org/x", 8))
    assert not bank.ledger().borrows(held)
    assert not bank.ledger().reclaimable(bank.entity("owner"), held)
    bank.hold("org/y", 8)
    bank.hold("org/y", 8)
    assert bank.ledger().reclaimable(bank.entity("owner"), held)


def test_a_department_within_its_own_guarantee_is_safe_where_its_organisation_borrows() -> None:
    bank = Bank(owner=16, org=8, org_x=8)
    safe, lent = bank.running(bank.hold("org/x", 8)), bank.running(bank.hold("org/y", 8))
    ledger, owner = bank.ledger(), bank.entity("owner")
    assert not ledger.reclaimable(owner, safe)
    assert ledger.reclaimable(owner, lent)


def test_an_owner_takes_nothing_from_itself_but_from_its_siblings_whatever_is_above_both() -> None:
    bank = Bank(org=64, org_x=8)
    own, siblings = bank.running(bank.hold("org/x/p", 4)), bank.running(bank.hold("org/y", 8))
    ledger, owner = bank.ledger(), bank.entity("org/x")
    assert not ledger.reclaimable(owner, own)
    assert ledger.reclaimable(owner, siblings)


def test_the_example_of_the_page_on_the_queue() -> None:
    bank = Bank(acme=32, park=16)
    park = [bank.running(bank.hold("park", 8)) for _ in range(5)]
    harbour = [bank.running(bank.hold("harbour", 8)) for _ in range(3)]
    ledger, acme = bank.ledger(), bank.entity("acme")
    gone: list[Running] = []
    for _ in range(4):
        assert ledger.owner(acme, asks(8)) is acme
        ledger.charge(acme, asks(8))
    assert not ledger.entitled(acme, asks(8))
    for running in [*park, *harbour]:
        if ledger.reclaimable(acme, running, gone):
            gone.append(running)
    assert gone == [*park[:3], *harbour]


def test_a_standing_names_who_lends_and_who_borrows() -> None:
    bank = Bank(owner=16, b=4)
    bank.hold("b", 8)
    bank.hold("c/x", 2)
    bank.hold("owner", 6)
    now_ms = bank.world.now_ms
    (lent,) = bank.world.state.tenant_share(TenantId("owner"), now_ms).rules
    assert [(part.tenant, part.amount) for part in lent.lent_to] == [("b", 4_000), ("c", 2_000)]
    (borrowed,) = bank.world.state.tenant_share(TenantId("b"), now_ms).rules
    assert [(part.tenant, part.amount) for part in borrowed.borrowed_from] == [("owner", 10_000)]
