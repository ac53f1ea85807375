"""Who sees everything: the truth at the sites beside what the hub says, and says or does nothing.

Theory of operation. Sites write here what truly runs when; the hub's driver shows each step, each
durable batch and each answer. A shadow machine folds the durable journal as it grows, decoded from
its text: what it holds is what the journal says, and what a restarted hub must hold too. Each
check stands where its facts change, so that a promise is judged at the step that breaks it.
"""

from collections.abc import Callable

from hutong.lifecycle import commands as do
from hutong.lifecycle import events as ev
from hutong.lifecycle.admission import Accepted
from hutong.lifecycle.hub import HubMachine
from hutong.model.ids import AttemptId, JobId, NodeId, TenantId, split_attempt
from hutong.model.job import JobSpec
from hutong.model.reasons import Completed
from hutong.model.resources import Amount
from hutong.model.states import JobState
from hutong.model.supply import Node
from hutong.scheduler.plan import Plan
from hutong.scheduler.records import AcceleratorCatalog
from hutong.sim.machines import promises
from hutong.sim.machines.disk import Disk
from hutong.sim.machines.site import ModelSite, Run
from hutong.sim.machines.violation import Violation, must

VALIDATE_EVERY = 50
"""Steps that changed nothing durable are followed by a whole check only this often."""


class Witness:
    """The omniscient observer of one run."""

    def __init__(self, catalog: AcceleratorCatalog, note: Callable[[object], None]) -> None:
        self.runs: dict[AttemptId, Run] = {}
        self.nodes: dict[NodeId, bool] = {}
        """Every node that a provider ever started."""
        self.accepted: dict[JobId, ev.JobAccepted] = {}
        self.answered_jobs: dict[JobId, bool] = {}
        self.ended: dict[JobId, JobState] = {}
        self.shadow = HubMachine(catalog)
        self.entries = 0
        self._specs: dict[JobId, JobSpec] = {}
        self._keys: dict[tuple[TenantId, str], JobId] = {}
        self._on_node: dict[NodeId, dict[AttemptId, Run]] = {}
        self._running: dict[str, dict[AttemptId, Run]] = {}
        self._newest: dict[str, dict[int, Run]] = {}
        self._calm_steps = 0
        self._note = note

    # What truly happens at the sites

    def taken(self, site: ModelSite, run: Run) -> None:
        order = run.order
        if order.attempt in self.runs:
            raise Violation(2, f"{order.attempt} was started a second time", order.attempt)
        self.runs[order.attempt] = run
        self._note(f"site   {order.attempt} holds {', '.join(s.node for s in order.nodes)}")
        inventory = site.inventory()
        pools = {pool.id: pool for pool in inventory.pools}
        homes = {node.id: pools[node.pool] for node in inventory.nodes}
        for share in order.nodes:
            home = homes[share.node]
            here = self._on_node.setdefault(share.node, {})
            here[order.attempt] = run
            held = Amount()
            for other in here.values():
                for part in other.order.nodes:
                    if part.node == share.node:
                        needs = other.order.needs_of(part)
                        held = held.plus(needs.times(part.tasks))
            if not held.fits_in(home.node):
                crowd = ", ".join(here)
                problem = f"{share.node} has {home.node}, and {crowd} hold {held}"
                raise Violation(3, problem, order.attempt)

    def began(self, site: ModelSite, run: Run) -> None:
        order = run.order
        element = split_attempt(order.attempt)[0]
        running = self._running.setdefault(element, {})
        running[order.attempt] = run
        self._note(f"site   {order.attempt} runs")
        # Parts of one gang have one token and run together, each of them once.
        tokens = {other.order.token: True for other in running.values()}
        parts = {other.order.part: True for other in running.values()}
        if len(tokens) > 1 or len(parts) < len(running):
            raise Violation(2, f"{' and '.join(running)} run at the same time", order.attempt)
        newest = self._newest.setdefault(element, {})
        for part, other in newest.items():
            behind = other.order.token > order.token
            again = other.order.token == order.token and part == order.part
            if behind or again:
                problem = f"{order.attempt} with token {order.token} began after"
                problem = f"{problem} {other.order.attempt} with token {other.order.token}"
                raise Violation(2, problem, order.attempt)
        if any(other.order.token < order.token for other in newest.values()):
            newest.clear()
        newest[order.part] = run
        if site.clock.boot_ms(run.began_true_ms) >= site.lease_until_ms:
            raise Violation(2, f"{order.attempt} began without a lease", order.attempt)

    def node_started(self, site: ModelSite, node: Node, beside: int) -> None:
        self._note(f"site   {node.id} is started")
        if node.id in self.nodes:
            raise Violation(3, f"{node.id} was started a second time", node.id)
        self.nodes[node.id] = True
        most = next(o.nodes_max for o in site.inventory().offers if o.pool == node.pool)
        if beside >= most:
            raise Violation(3, f"{node.id} makes {beside + 1} nodes of {most}", node.id)

    def over(self, site: ModelSite, run: Run) -> None:
        order = run.order
        for share in order.nodes:
            self._on_node[share.node].pop(order.attempt, None)
        self._running.get(split_attempt(order.attempt)[0], {}).pop(order.attempt, None)
        reason = run.reason.sentence() if run.reason is not None else ""
        self._note(f"site   {order.attempt} is over: {reason}")
        late_ms = site.clock.boot_ms(run.over_true_ms) - site.lease_until_ms
        if run.began_true_ms and late_ms > 1:
            problem = f"{order.attempt} ran on for {late_ms} ms after its lease"
            raise Violation(2, problem, order.attempt)

    # What the hub does

    def loaded(self, machine: HubMachine, disk: Disk) -> None:
        self._note(f"hub    starts from position {machine.state.position}")
        promises.journal_and_snapshots_agree(machine, self.shadow)
        promises.rows_show_the_state(machine, disk.rows)
        for job in self.answered_jobs:
            promises.job_is_known(job, machine, disk.rows)
        machine.validate()

    def handled(self, machine: HubMachine, stimulus: do.Stimulus, step: do.Step) -> None:
        for entry in step.entries:
            self._note(entry)
            match entry.event:
                case ev.PlanDecided():
                    promises.plan_is_sound(machine, entry.event, entry.at_ms)
                case ev.AttemptEnded() | ev.AttemptSettled():
                    self._check_end(entry.event)
                case ev.OfferScaled():
                    promises.offers_are_bounded(machine, entry.event)
                case _:
                    pass
        self._calm_steps += 1
        if step.entries or self._calm_steps >= VALIDATE_EVERY:
            self._calm_steps = 0
            machine.validate()
        if isinstance(stimulus, do.RunCycle) and isinstance(step.answer, Plan):
            promises.reasons_are_given(machine, step.answer)

    def durable(self, entries: list[ev.Entry]) -> None:
        for entry in entries:
            self.shadow.replay(entry)
            match entry.event:
                case ev.JobAccepted() as event:
                    self._check_acceptance(event)
                case ev.PlanDecided() as event:
                    promises.wishes_are_kept(event, entry.at_ms, self._specs, self.ended)
                case ev.JobEnded() as event:
                    if event.job in self.ended:
                        raise Violation(1, f"{event.job} ended twice", event.job)
                    self.ended[event.job] = event.state
                case _:
                    pass
        self.entries += len(entries)

    def answered(self, stimulus: do.Stimulus, answer: object) -> None:
        if not isinstance(stimulus, do.Submit) or not isinstance(answer, list):
            return
        for each in answer:
            if isinstance(each, Accepted):
                problem = f"{each.job} was answered before it was durable"
                must(each.job in self.accepted, 1, problem, each.job)
                self.answered_jobs[each.job] = True
                self._note(f"people {each.job} is answered for")

    def _check_acceptance(self, event: ev.JobAccepted) -> None:
        if event.key:
            earlier = self._keys.setdefault((event.spec.tenant, event.key), event.job)
            problem = f"{earlier} and {event.job} were accepted under the key {event.key}"
            must(earlier == event.job, 1, problem, event.job)
        self.accepted[event.job] = event
        self._specs[event.job] = event.spec

    def _check_end(self, event: ev.AttemptEnded | ev.AttemptSettled) -> None:
        run = self.runs.get(event.attempt)
        if isinstance(event.reason, Completed):
            truth = run.reason if run is not None else None
            problem = f"{event.attempt} counts as completed, in truth it ended by {truth}"
            must(isinstance(truth, Completed), 2, problem, event.attempt)
        if run is not None and run.is_live:
            problem = f"{event.attempt} counts as ended ({event.reason.code}), but it still runs"
            raise Violation(2, problem, event.attempt)
