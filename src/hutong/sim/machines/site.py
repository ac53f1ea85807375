"""A modelled site: nodes, what runs on them in true time, and a supervisor beside each attempt.

Theory of operation. It behaves as `hutong.connectors.contract` demands of a real one: what was
started stays on record until it is forgotten, whoever asks; a start is looked up before it is
carried out; and the supervisors end everything when the lease that was last held runs out by the
site's boot clock, whether or not an agent is alive. What truly happened goes into the ledger, from
which promises are judged; the agent learns only what observations say.
"""

from collections.abc import Callable, Mapping
from random import Random
from typing import Protocol

import msgspec

from hutong.model.attempt import AttemptOrder, Observation
from hutong.model.errors import HutongError, refuse
from hutong.model.ids import AttemptId, NodeId, PoolId
from hutong.model.job import Terms
from hutong.model.reasons import (
    Completed,
    EndedReason,
    ExitCode,
    Fenced,
    NodeGone,
    ProcessLost,
    SpotRevoked,
    TimeLimit,
)
from hutong.model.states import AttemptState
from hutong.model.supply import Inventory, Node, NodeCondition, Offer
from hutong.sim.machines.clocks import Clock
from hutong.sim.machines.loop import Loop
from hutong.sim.machines.script import SiteLine, SiteModel

SLOW_START_MS = (5_000, 60_000)
CHECKPOINT_GAP_MS = 65_000
"""Of one run a checkpoint is told of this often at most, as real connectors do."""


class Run(msgspec.Struct):
    """One attempt at its site. `*_true_ms` are true times, the other times the site's wall clock.

    `leave_true_ms` is set once it was asked to leave. It holds its nodes from `taken_true_ms` on.
    It wrote down its state at `saved_ms`; the agent sees that not before `tell_saved_from_ms`.
    """

    order: AttemptOrder
    taken_true_ms: int
    run_ms: int
    exit_code: int
    leave_ms: int
    state: AttemptState = AttemptState.STARTING
    began_true_ms: int = 0
    over_true_ms: int = 0
    leave_true_ms: int = 0
    started_ms: int = 0
    ended_ms: int = 0
    reason: EndedReason | None = None
    saved_ms: int = 0
    told_saved_ms: int = 0
    tell_saved_from_ms: int = 0

    @property
    def is_live(self) -> bool:
        """Say whether it holds its nodes."""
        return self.state is not AttemptState.ENDED

    def seen(self) -> Observation:
        """It, as an agent sees it."""
        return Observation(
            self.order.attempt, self.state, self.started_ms, self.ended_ms, self.reason,
            self.told_saved_ms,
        )  # fmt: skip


class Ledger(Protocol):
    """Who writes down what truly happens at sites."""

    def taken(self, site: "ModelSite", run: Run) -> None:
        """A run holds its nodes from now on."""

    def began(self, site: "ModelSite", run: Run) -> None:
        """Its tasks run from now on."""

    def over(self, site: "ModelSite", run: Run) -> None:
        """No process of it is left."""

    def node_started(self, site: "ModelSite", node: Node, beside: int) -> None:
        """A provider starts a node; `beside` others of its pool exist."""


class Agency(Protocol):
    """The agent's side, as far as a site calls it."""

    def saw(self, observations: tuple[Observation, ...]) -> None:
        """Something changed."""

    def inventory_changed(self, inventory: Inventory) -> None:
        """The site has something else to offer."""


Nature = Callable[[AttemptOrder], tuple[int, int, int]]
"""What an order's program will truly do: run time (ms), exit code, time to leave (ms)."""
Done = Callable[[HutongError | None], None]
Alive = Callable[[], bool]


class ModelSite:
    """One site, which goes on whether its agent lives or not."""

    def __init__(
        self, loop: Loop, random: Random, line: SiteLine, model: SiteModel, *, ledger: Ledger,
        nature: Nature,
    ) -> None:  # fmt: skip
        self.site = line.site
        self.clock = Clock(loop.now_ms, skew_ms=line.skew_ms, drift_ppm=line.drift_ppm)
        self.runs: dict[AttemptId, Run] = {}
        self.agent: Agency | None = None
        self.lease_until_ms = 0
        self.lease_grace_ms = 0
        self.trouble_milli = 0
        self._loop = loop
        self._random = random
        self._model = model
        self._ledger = ledger
        self._nature = nature
        self._whole = line.inventory
        self._down: dict[NodeId, bool] = {}
        self._removed: dict[NodeId, bool] = {}
        self._under_way: dict[AttemptId, Alive] = {}
        self._offered: dict[NodeId, Node] = {}
        self._boots_fail_until_ms = self._boots_slow_until_ms = 0
        self._boots = 0
        self._watch_at_ms = 0

    # What a connector offers

    def inventory(self) -> Inventory:
        """What is there at the moment."""
        if not self._down and not self._removed and not self._offered:
            return self._whole
        nodes = []
        for node in self._whole.nodes:
            if node.id in self._down:
                nodes.append(msgspec.structs.replace(node, condition=NodeCondition.DOWN))
            elif node.id not in self._removed:
                nodes.append(node)
        nodes.extend(self._offered.values())
        return Inventory(self._whole.pools, tuple(nodes), self._whole.offers)

    def scale(self, wanted: Mapping[PoolId, tuple[NodeId, ...]]) -> None:
        """Have these nodes of offers exist, and no others."""
        offers = {offer.pool: offer for offer in self._whole.offers}
        names = {name: pool for pool in wanted for name in wanted[pool] if pool in offers}
        before = dict(self._offered)
        for name in [name for name in self._offered if name not in names]:
            del self._offered[name]
            self._end_on(name, Fenced())
        for name, pool in names.items():
            alive = [n for n in self._offered.values() if n.pool == pool and _is_up(n)]
            if name not in self._offered and len(alive) < offers[pool].nodes_max:
                self._ask_for(name, offers[pool], len(alive))
        if self._offered != before:
            self._show_inventory()

    def _ask_for(self, name: NodeId, offer: Offer, beside: int) -> None:
        now_ms = self._loop.now_ms
        ready_ms = self.clock.wall_ms(now_ms + offer.boot_ms)
        node = Node(name, offer.pool, (), NodeCondition.BOOTING, ready_ms)
        self._offered[name] = node
        self._ledger.node_started(self, node, beside)
        if now_ms < self._boots_fail_until_ms:
            self._loop.after(offer.boot_ms // 2, self._booted, name, NodeCondition.DOWN)
            return
        slow = 10 if now_ms < self._boots_slow_until_ms else 1
        self._loop.after(slow * offer.boot_ms, self._booted, name, NodeCondition.READY)

    def _booted(self, name: NodeId, condition: NodeCondition) -> None:
        node = self._offered.get(name)
        if node is not None and node.condition is NodeCondition.BOOTING:
            self._offered[name] = msgspec.structs.replace(node, condition=condition)
            self._show_inventory()

    def _end_on(self, name: NodeId, reason: EndedReason) -> None:
        for run in list(self.runs.values()):
            if any(share.node == name for share in run.order.nodes):
                self._end(run, reason)

    def scan(self) -> tuple[Observation, ...]:
        """Everything that was started here and not forgotten."""
        return tuple(run.seen() for run in self.runs.values())

    def start(self, order: AttemptOrder, alive: Alive, done: Done) -> None:
        """Start an attempt. `alive` says whether the process that called still lives."""
        delay_ms = self._random.randint(*self._model.start_ms)
        fate = self._random.randrange(1_000)
        if fate < self.trouble_milli:
            delay_ms += self._random.randint(*SLOW_START_MS)
        failing = self.trouble_milli <= fate < 2 * self.trouble_milli
        refusing = 2 * self.trouble_milli <= fate < 3 * self.trouble_milli
        self._under_way[order.attempt] = alive
        action = self._fail if failing else self._refuse if refusing else self._take
        self._loop.after(delay_ms, action, order, alive, done, self._boots)

    def stop(self, attempt: AttemptId, grace_ms: int) -> None:
        """Ask an attempt to leave, and end it after its grace."""
        run = self.runs.get(attempt)
        if run is None:
            self._under_way.pop(
                attempt, None
            )  # no start that was asked for before comes after this
            gone = Observation(attempt, AttemptState.ENDED, ended=Fenced())
            self._loop.after(self._random.randint(*self._model.notice_ms), self._tell, gone)
        elif run.is_live:
            self._ask(run, grace_ms)
        else:
            self._notice(run)

    def forget(self, attempt: AttemptId) -> None:
        """Remove what is kept of an ended attempt."""
        run = self.runs.get(attempt)
        if run is not None and not run.is_live:
            del self.runs[attempt]

    def hold_lease(self, until_ms: int, grace_ms: int) -> None:
        """Let nothing run beyond a boot time."""
        self.lease_until_ms, self.lease_grace_ms = until_ms, grace_ms
        self._watch()

    # What happens in truth

    def _take(self, order: AttemptOrder, alive: Alive, done: Done, boot: int) -> None:
        if not self._is_under_way(order, alive, boot):
            return
        attempt = order.attempt
        if attempt in self.runs:
            done(None)
            return
        for share in order.nodes:
            offered = self._offered.get(share.node)
            if offered is not None and not _is_up(offered):
                gone = Observation(attempt, AttemptState.ENDED, ended=SpotRevoked(share.node))
                self._loop.after(self._random.randint(*self._model.notice_ms), self._tell, gone)
                done(None)
                return
            if self._is_missing(share.node):
                problem = f"node {share.node} is not there"
                done(refuse("connector.refused", problem=problem, advice="Choose another node."))
                return
        if self.clock.boot_ms(self._loop.now_ms) >= self.lease_until_ms - self.lease_grace_ms:
            done(refuse("connector.failed", action="starting", problem="the lease is over"))
            return
        run_ms, exit_code, leave_ms = self._nature(order)
        run = Run(order, self._loop.now_ms, run_ms, exit_code, leave_ms)
        self.runs[attempt] = run
        self._ledger.taken(self, run)
        used = {order.pool, *(group.place.pool for group in order.groups)}
        boots_ms = [pool.boot_ms for pool in self._whole.pools if pool.id in used]
        self._loop.after(max(boots_ms), self._begin, run)
        self._notice(run)
        self._watch()
        done(None)

    def _is_under_way(self, order: AttemptOrder, alive: Alive, boot: int) -> bool:
        """Say whether a call goes on: its caller and the machine live, and no stop overtook it."""
        called = self._under_way.get(order.attempt) is alive
        return called and boot == self._boots and alive()

    def _fail(self, order: AttemptOrder, alive: Alive, done: Done, boot: int) -> None:
        """Fail, whether or not it was started."""
        if not self._is_under_way(order, alive, boot):
            return
        if self._random.randrange(2):
            self._take(order, alive, _ignore, boot)
        done(refuse("connector.failed", action="starting", problem="the engine did not answer"))

    def _refuse(self, order: AttemptOrder, alive: Alive, done: Done, boot: int) -> None:
        if not self._is_under_way(order, alive, boot):
            return
        if order.attempt in self.runs:
            done(None)
            return
        advice = "Wait for the engine."
        done(refuse("connector.refused", problem="the engine takes no work", advice=advice))

    def _begin(self, run: Run) -> None:
        if run.state is not AttemptState.STARTING:
            return
        run.state = AttemptState.RUNNING
        run.began_true_ms = self._loop.now_ms
        run.started_ms = self.clock.wall_ms(self._loop.now_ms)
        self._ledger.began(self, run)
        limit_ms = run.order.time_limit_ms
        if limit_ms and limit_ms <= run.run_ms:
            self._loop.after(limit_ms, self._end, run, TimeLimit(limit_ms))
        else:
            reason = ExitCode(run.exit_code) if run.exit_code else Completed()
            self._loop.after(run.run_ms, self._end, run, reason)
        if run.order.checkpoint_ms:
            self._loop.after(run.order.checkpoint_ms, self._save, run)
        self._notice(run)

    def _save(self, run: Run) -> None:
        """The run writes down its state, as often as its job says."""
        if run.state is not AttemptState.RUNNING:
            return
        now_ms = self._loop.now_ms
        run.saved_ms = self.clock.wall_ms(now_ms)
        self._loop.after(run.order.checkpoint_ms, self._save, run)
        if now_ms >= run.tell_saved_from_ms:
            run.told_saved_ms = run.saved_ms
            run.tell_saved_from_ms = now_ms + CHECKPOINT_GAP_MS
            self._notice(run)

    def _ask(self, run: Run, grace_ms: int) -> None:
        """SIGTERM now, SIGKILL after the grace. It ends in `Fenced`, whatever its exit code."""
        leave_ms = min(run.leave_ms, grace_ms) if run.state is AttemptState.RUNNING else 0
        at_ms = self._loop.now_ms + leave_ms
        if run.leave_true_ms and run.leave_true_ms <= at_ms:
            return
        run.leave_true_ms = at_ms
        self._loop.at(at_ms, self._end, run, Fenced())

    def _end(self, run: Run, reason: EndedReason) -> None:
        if not run.is_live:
            return
        if run.leave_true_ms and not isinstance(reason, NodeGone | ProcessLost | SpotRevoked):
            reason = Fenced()
        run.state = AttemptState.ENDED
        run.over_true_ms = self._loop.now_ms
        run.ended_ms = self.clock.wall_ms(self._loop.now_ms)
        run.reason = reason
        self._ledger.over(self, run)
        self._notice(run)

    def _notice(self, run: Run) -> None:
        """The agent sees what is then true, in a moment."""
        self._loop.after(self._random.randint(*self._model.notice_ms), self._tell_of, run)

    def _tell_of(self, run: Run) -> None:
        if run.order.attempt in self.runs:
            self._tell(run.seen())

    def _tell(self, seen: Observation) -> None:
        if self.agent is not None:
            self.agent.saw((seen,))

    def _watch(self) -> None:
        """See to it that the supervisors look at the lease when it may matter."""
        at_ms = self.clock.when_boot(self.lease_until_ms - self.lease_grace_ms)
        if self._watch_at_ms <= self._loop.now_ms or at_ms < self._watch_at_ms:
            self._watch_at_ms = at_ms
            self._loop.at(at_ms, self._look_at_lease, at_ms)

    def _look_at_lease(self, due_ms: int) -> None:
        if due_ms != self._watch_at_ms:
            return
        self._watch_at_ms = 0
        now_ms = self.clock.boot_ms(self._loop.now_ms)
        live = [run for run in self.runs.values() if run.is_live]
        due = []
        for run in live:
            grace_ms = min(run.order.grace_ms, self.lease_grace_ms)
            if now_ms >= self.lease_until_ms - grace_ms:
                left_ms = self.clock.when_boot(self.lease_until_ms) - self._loop.now_ms
                self._ask(run, max(0, left_ms))
            else:
                due.append(self.clock.when_boot(self.lease_until_ms - grace_ms))
        if due:
            self._watch_at_ms = min(due)
            self._loop.at(self._watch_at_ms, self._look_at_lease, self._watch_at_ms)

    # What befalls it

    def crash_supervisor(self, pick: int) -> None:
        """End one live run, whichever `pick` falls on."""
        live = [run for run in self.runs.values() if run.is_live]
        if live:
            self._end(live[pick % len(live)], ProcessLost())

    def crash_node(self, node: NodeId, for_ms: int) -> None:
        """A node and what runs there die."""
        self._down[node] = True
        for run in self.runs.values():
            if any(share.node == node for share in run.order.nodes):
                self._end(run, NodeGone(node))
        self._show_inventory()
        self._loop.after(for_ms, self.restore_node, node)

    def remove_node(self, node: NodeId, for_ms: int) -> None:
        """A node leaves the inventory, and what runs there may end."""
        self._removed[node] = True
        self._show_inventory()
        self._loop.after(for_ms, self.restore_node, node)

    def fail_boots(self, for_ms: int) -> None:
        """Nodes that are asked for in that time fail to start."""
        self._boots_fail_until_ms = self._loop.now_ms + for_ms

    def slow_boots(self, for_ms: int) -> None:
        """Nodes that are asked for in that time take long to be ready."""
        self._boots_slow_until_ms = self._loop.now_ms + for_ms

    def revoke_spot(self, pick: int) -> None:
        """Take back one spot node, whichever `pick` falls on, with what runs on it."""
        spot = {offer.pool for offer in self._whole.offers if offer.terms is Terms.SPOT}
        nodes = [node for node in self._offered.values() if node.pool in spot and _is_up(node)]
        if nodes:
            node = nodes[pick % len(nodes)]
            self._offered[node.id] = msgspec.structs.replace(node, condition=NodeCondition.DOWN)
            self._end_on(node.id, SpotRevoked(node.id))
            self._show_inventory()

    def _is_missing(self, node: NodeId) -> bool:
        if node in self._down or node in self._removed:
            return True
        fixed = any(known.id == node for known in self._whole.nodes)
        return not fixed and node not in self._offered

    def restore_node(self, node: NodeId) -> None:
        """A node is back."""
        if self._down.pop(node, None) or self._removed.pop(node, None):
            self._show_inventory()

    def reboot(self) -> None:
        """Everything dies and the boot clock starts again; the records stay."""
        for run in self.runs.values():
            self._end(run, ProcessLost())
        self._boots += 1
        self.clock.reboot(self._loop.now_ms)
        self.lease_until_ms = self.lease_grace_ms = self._watch_at_ms = 0
        self._under_way.clear()

    def end_trouble(self) -> None:
        """The connector works again."""
        self.trouble_milli = 0

    def calm(self) -> None:
        """Nothing is wrong any more."""
        self.end_trouble()
        self._boots_fail_until_ms = self._boots_slow_until_ms = 0
        if self._down or self._removed:
            self._down.clear()
            self._removed.clear()
            self._show_inventory()

    def _show_inventory(self) -> None:
        if self.agent is not None:
            self.agent.inventory_changed(self.inventory())


def _is_up(node: Node) -> bool:
    return node.condition is not NodeCondition.DOWN


def _ignore(_problem: HutongError | None) -> None:
    """Tell nobody."""
