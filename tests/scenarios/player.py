"""Plays a scenario file: a world as people who run a cluster would write it down, and its plan.

`python -m tests.scenarios.player` writes the plans again; read the difference before you keep it.
"""

import re
import sys
from pathlib import Path
from typing import Any

import msgspec
import yaml

from hutong.client.formats.quota_words import figure
from hutong.model.check_quota import rule_key
from hutong.model.classes import ClassRule
from hutong.model.ids import AttemptId, JobId
from hutong.model.job import (
    Affinity,
    Commercial,
    DataInput,
    DomesticRule,
    Elastic,
    Layout,
    Level,
    Objective,
    Preferences,
    TaskGroup,
    Terms,
    Workload,
)
from hutong.model.resources import AcceleratorNeed, FrameworkNeed, TaskNeeds
from hutong.model.supply import Energy, NodeCondition, PriceBook, SoftwareVersion
from hutong.model.tenant import QuotaRule
from hutong.scheduler.plan import Bound, Candidate, Deferral, Explanation, Placement, Plan
from hutong.scheduler.profile import PROFILES
from hutong.scheduler.state import SiteStatus
from tests.unit.scheduler.markets import Market
from tests.unit.scheduler.worlds import ArraySpec, link

HERE = Path(__file__).parent
UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def scenario_files() -> list[Path]:
    """Every scenario."""
    return sorted(HERE.glob("*.yaml"))


def play(scenario: dict[str, Any]) -> str:
    """The plan of a scenario's cycles, as text."""
    return Player(scenario).play()


def rewrite(path: Path) -> None:
    """Put the plan that a scenario gives now into its file."""
    text = path.read_text(encoding="utf-8")
    head = text.partition("\nplan: |\n")[0].rstrip()
    plan = play(yaml.safe_load(head))
    body = "".join(f"  {line}".rstrip() + "\n" for line in plan.splitlines())
    path.write_text(f"{head}\n\nplan: |\n{body}", encoding="utf-8")


class Player:
    """A world made of a scenario, with the scenario's names for its jobs."""

    def __init__(self, scenario: dict[str, Any]) -> None:
        profile = PROFILES[scenario.get("profile", "fair")]
        self.scenario = scenario
        settings = dict(scenario.get("settings", {}))
        if "classes" in scenario:
            settings["classes"] = tuple(
                ClassRule(name, evicts_from or "")
                for name, evicts_from in scenario["classes"].items()
            )
        self.world = Market(msgspec.structs.replace(profile, **settings))
        if "half_life" in scenario:
            self.world.state.remember_use({}, {}, to_ms(scenario["half_life"]))
        self.began_ms = self.world.now_ms
        self.jobs: dict[str, JobId] = {}
        self.attempts: dict[str, AttemptId] = {}

    def play(self) -> str:
        """Build the world, then run a cycle, and one more after each `then`."""
        self._supply()
        for tenant, fields in self.scenario.get("tenants", {}).items():
            self.world.tenant(tenant, **_quota(dict(fields)))
        for name, fields in self.scenario.get("running", {}).items():
            self._run(name, fields)
        for name, fields in self.scenario.get("bookings", {}).items():
            self._book(name, fields)
        self._submit(self.scenario.get("jobs", {}))
        lines = self._cycle()
        for event in self.scenario.get("then", []):
            lines += self._event(event)
        return "\n".join(lines) + "\n"

    def _supply(self) -> None:
        for site, fields in self.scenario["sites"].items():
            given = {
                key: fields[key] for key in ("region", "jurisdiction", "owner") if key in fields
            }
            if "energy" in fields:
                given["energy"] = energy_of(fields["energy"])
            self.world.site(site, **given)
            for pool, shape in fields["pools"].items():
                self._pool(f"{site}/{pool}", dict(shape))
            for pool, shape in fields.get("offers", {}).items():
                self._offer(f"{site}/{pool}", dict(shape))
            for node, condition in fields.get("conditions", {}).items():
                self.world.node(f"{site}/{node}", NodeCondition(condition))
            self.world.status(site, SiteStatus(fields.get("status", "ready")))
        self._links(self.scenario.get("links", []))

    def _links(self, links: list[dict[str, Any]]) -> None:
        for each in links:
            given = {"mbit_per_s": each["mbit_per_s"], "price_cny_per_gb": each.get("price", 0)}
            self.world.state.put_link(link(*each["between"], **given))

    def _pool(self, path: str, fields: dict[str, Any]) -> None:
        price = fields.pop("price", 0)
        fields["price"] = PriceBook(accelerator_microcny_per_hour=round(price * 1_000_000))
        software = fields.pop("software", {})
        fields["software"] = tuple(SoftwareVersion(n, str(v)) for n, v in software.items())
        fields["boot_ms"] = to_ms(fields.pop("boot", "0s"))
        self.world.pool(path, **fields)

    def _offer(self, path: str, fields: dict[str, Any]) -> None:
        fields["terms"] = Terms(fields.pop("terms", "on-demand"))
        fields["boot_s"] = to_ms(fields.pop("boot", "0s")) // 1_000
        fields["revoked_milli_per_hour"] = round(fields.pop("revoked_per_hour", 0) * 1_000)
        self.world.offer(path, **fields)

    def _run(self, name: str, fields: dict[str, Any]) -> None:
        given = dict(fields)
        given["priority"] = given.pop("class", "normal")
        ran_ms = to_ms(given.pop("since", "0s"))
        given["min_run_ms"] = to_ms(given.pop("min_run", "0s"))
        given["ends_in_ms"] = to_ms(given.pop("ends_in", "1h")) + ran_ms
        given["checkpoint_ms"] = to_ms(given.pop("checkpoint", "0s"))
        given["grace_ms"] = to_ms(given.pop("grace", "10s"))
        saved = given.pop("saved", None)
        self.world.now_ms -= ran_ms
        self.attempts[name] = self.world.runs(given.pop("node"), **given)
        self.world.now_ms += ran_ms
        if saved is not None:
            saved_ms = self.world.now_ms - to_ms(saved)
            self.world.state.note_progress(self.attempts[name], 0, saved_ms)

    def _book(self, name: str, fields: dict[str, Any]) -> None:
        given = dict(fields)
        from_ms, for_ms = to_ms(given.pop("from", "0s")), to_ms(given.pop("for"))
        many = {key: tuple(given.pop(key, ())) for key in ("tenants", "nodes")}
        self.world.book(name, given.pop("at"), from_ms=from_ms, for_ms=for_ms, **many, **given)

    def _submit(self, jobs: dict[str, Any]) -> None:
        for name, fields in jobs.items():
            given = dict(fields or {})
            alternatives = [alternative(text) for text in given.pop("chips", [])]
            given["priority"] = given.pop("class", "normal")
            given["objective"] = Objective(given.pop("objective", "time"))
            given["domestic"] = DomesticRule(given.pop("domestic", "any"))
            for name_here, name_there in (("estimate", "estimate_ms"), ("limit", "time_limit_ms")):
                if name_here in given:
                    given[name_there] = to_ms(given.pop(name_here))
            if "deadline" in given:
                given["deadline_ms"] = self.world.now_ms + to_ms(given.pop("deadline"))
            if "budget" in given:
                given["budget_microcny"] = round(given.pop("budget") * 1_000_000)
            if "array" in given:
                given["array"] = ArraySpec(given["array"])
            needs = given.pop("software", {})
            given["frameworks"] = tuple(FrameworkNeed(n, str(v)) for n, v in needs.items())
            if "inputs" in given:
                given["inputs"] = tuple(
                    DataInput(name, round(data["gib"] * 1024), tuple(data.get("at", ())))
                    for name, data in given["inputs"].items()
                )
            if "prefer" in given:
                wanted = {kind: tuple(names) for kind, names in given.pop("prefer").items()}
                given["preferences"] = Preferences(**wanted)
            if "commercial" in given:
                rule = given["commercial"]
                after_ms = to_ms(rule["after"]) if "after" in rule else None
                terms = tuple(Terms(name) for name in rule.get("terms", ()))
                given["commercial"] = Commercial(after_ms=after_ms, terms=terms)
            for way in ("near", "apart"):
                if way in given:
                    beside = affinity(given.pop(way), apart=way == "apart")
                    given["affinity"] = (*given.get("affinity", ()), beside)
            if "saves" in given:
                given["checkpoint_ms"] = to_ms(given.pop("saves"))
            if "groups" in given:
                given["groups"] = tuple(
                    TaskGroup(name, each.get("tasks", 1), needs_of(each))
                    for name, each in given["groups"].items()
                )
            if "elastic" in given:
                rule = given["elastic"]
                given["elastic"] = Elastic(rule["least"], resize=rule.get("resize", False))
            for key, kind in (("layout", Layout), ("within", Level)):
                if key in given:
                    given[key] = kind(given[key])
            if "workload" in given:
                given["workload"] = Workload(given["workload"])
            for many in ("regions", "jurisdictions", "sites", "pools", "owners", "exclude_sites"):
                given[many] = tuple(given.pop(many, ()))
            self.jobs[name] = self.world.job(*alternatives, **given)

    def _event(self, event: dict[str, Any]) -> list[str]:
        for site, status in event.get("status", {}).items():
            self.world.status(site, SiteStatus(status))
        for name in event.get("ends", []):
            self.world.end(self.attempts[name])
        for name in event.get("stopped", []):
            self.world.stop(self.attempts[name])
        for name in event.get("runs", []):
            self.world.state.note_progress(self.attempts[name], self.world.now_ms, 0)
        for pool in event.get("revokes", []):
            self.world.revoke(pool)
        self._links(event.get("links", []))
        self._submit(event.get("jobs", {}))
        self.world.pass_time(to_ms(event.get("after", "0s")))
        return ["", *self._cycle()]

    def _cycle(self) -> list[str]:
        plan = self.world.cycle()
        before = set(self.world.live)
        passed = (self.world.now_ms - self.began_ms) / UNITS_MS["m"]
        lines = [f"cycle at +{passed:g}m", *self._told(plan)]
        self.world.apply(plan)
        for attempt in self.world.live:
            if attempt not in before:
                names = {job: name for name, job in self.jobs.items()}
                self.attempts[names[self.world.live[attempt].job]] = attempt
        return [self._named(line) for line in lines]

    def _told(self, plan: Plan) -> list[str]:
        lines: list[str] = []
        told: list[Explanation] = []
        for placement in plan.placements:
            lines += self._started(placement, fresh=placement.explanation not in told)
            told.append(placement.explanation)
        for preemption in plan.preemptions:
            lost = preemption.lost_accelerator_milli_ms / 1000 / UNITS_MS["h"]
            lines.append(
                f"  evict {preemption.victim} for {preemption.job}: {lost:g} chip hours lost"
                + (f", lent by {preemption.tenant}" if preemption.tenant else "")
            )
        for bound in plan.bounds:
            lines += self._bound(bound)
        for resize in plan.resizes:
            gives = f" for {resize.job}" if resize.job else ""
            lines.append(
                f"  resize {resize.attempt} to {resize.tasks} tasks{gives}: "
                f"{resize.left_milli} thousandths left to do"
            )
        for held in plan.reservations:
            tasks = "" if held.tasks == 1 else f" for {held.tasks} tasks"
            lines.append(
                f"  reserve {held.pool} from {self._time(held.start_ms)} for {held.job}{tasks}"
            )
        for scaling in plan.scalings:
            if scaling.away:
                gone = ", ".join(scaling.away)
                lines.append(f"  give back {gone}: {scaling.nodes} of {scaling.pool} left")
            else:
                lines.append(f"  ask for {scaling.nodes} of {scaling.pool} for {scaling.job}")
        for deferral in plan.deferrals:
            lines += self._waits(deferral)
        shares = ", ".join(f"{tenant} {share}" for tenant, share in plan.shares_milli.items())
        lines.append(f"  shares in thousandths: {shares or 'none'}")
        if self.world.profile.domestic_target_milli:
            lines.append(f"  domestic chips in thousandths: {plan.domestic_milli}")
        return lines

    def _bound(self, bound: Bound) -> list[str]:
        kept = "kept" if bound.is_kept else "not kept"
        room = f"room {self._time(bound.promised_ms)}" if bound.promised_ms else "nothing promised"
        line = f"  bound {bound.job}: by {self._time(bound.by_ms)}, {room}, {kept}"
        return [line, f"    {bound.reason.sentence()}"] if bound.reason is not None else [line]

    def _started(self, placement: Placement, *, fresh: bool) -> list[str]:
        where = ", ".join(
            (f"group {share.group} " if share.group else "")
            + (str(share.node) if share.tasks == 1 else f"{share.node} x{share.tasks}")
            for share in placement.nodes
        )
        if placement.parts > 1:
            where = f"{where} as part {placement.part + 1} of {placement.parts}"
        chips = f" with {shown_chips(placement)}" if placement.accelerator else ""
        price = placement.rate_microcny_per_hour / 1_000_000
        end = self._time(placement.expected_end_ms)
        lines = [f"  start {placement.job} on {where}{chips} until {end} at {price:g} CNY/h"]
        if fresh:
            lines.append(f"    {placement.reason.sentence()}")
            lines += self._explained(placement.explanation)
        return lines

    def _waits(self, deferral: Deferral) -> list[str]:
        when = "nobody can tell when"
        if deferral.start_ms:
            when = f"expected {self._time(deferral.start_ms)} by {deferral.basis}"
        lines = [f"  wait {deferral.head}: {when}"]
        lines += [f"    {reason.sentence()}" for reason in deferral.reasons]
        return lines + self._explained(deferral.explanation)

    def _explained(self, explanation: Explanation) -> list[str]:
        lines = []
        for candidate in explanation.candidates:
            when = "start unknown"
            if candidate.start_ms:
                finish = self._time(candidate.finish_ms)
                when = f"start {self._time(candidate.start_ms)}, finish {finish}"
            cost = round(candidate.cost_microcny / 1_000_000, 2)
            lines.append(
                f"    {candidate.pool}: {when}, {cost:g} CNY, "
                f"{candidate.tasks_fitting} task(s) fit now{parts_of(candidate)}"
            )
        if explanation.filtered:
            counts = ", ".join(f"{n} by {name}" for name, n in explanation.filtered.items())
            lines.append(f"    nodes left out: {counts}")
        return lines

    def _time(self, at_ms: int) -> str:
        minutes = round((at_ms - self.began_ms) / UNITS_MS["m"], 1)
        return "now" if at_ms == self.world.now_ms else f"+{minutes:g}m"

    def _named(self, line: str) -> str:
        for name, attempt in self.attempts.items():
            line = re.sub(rf"\b{attempt}\b", name, line)
        for name, job in self.jobs.items():
            line = re.sub(rf"\b{job}\b", name, line)
        return line


def _quota(fields: dict[str, Any]) -> dict[str, Any]:
    """A tenant's fields, with rules as `hutong tenant set` takes them behind their figure."""
    rules: dict[tuple[object, ...], QuotaRule] = {}
    for text in fields.pop("quota", []):
        name, _, word = text.partition(" ")
        said = figure(word)
        rule = rules.get(rule_key(said.rule), said.rule)
        field = {"guarantee": "guaranteed"}.get(name, name)
        rules[rule_key(rule)] = msgspec.structs.replace(rule, **{field: said.amount})
    return {**fields, "rules": tuple(rules.values())} if rules else fields


def parts_of(candidate: Candidate) -> str:
    """The parts of a score that not every candidate has."""
    parts = []
    if candidate.transfer_ms:
        parts.append(f"transfer {candidate.transfer_ms / UNITS_MS['m']:.1f}m")
    if candidate.egress_microcny:
        parts.append(f"egress {candidate.egress_microcny / 1e6:.2f} CNY")
    if candidate.energy_microcny or candidate.carbon_g:
        power = f"{candidate.energy_microcny / 1e6:.2f} CNY"
        parts.append(f"power {power} and {candidate.carbon_g / 1000:.1f} kg")
    if candidate.preferred_milli:
        parts.append(f"{candidate.preferred_milli / 10:g} % off as preferred")
    if candidate.domestic_milli:
        parts.append(f"{candidate.domestic_milli / 10:g} % off as domestic")
    return "".join(f", {part}" for part in parts)


def affinity(fields: dict[str, Any], *, apart: bool) -> Affinity:
    """What `near` or `apart` says: labels, a level, and whether it is required."""
    labels = dict(fields)
    level, required = Level(labels.pop("level", "node")), labels.pop("required", True)
    return Affinity(tuple(sorted(labels.items())), level, apart, required)


def energy_of(fields: dict[str, float]) -> Energy:
    """A site's power: CNY a kWh, grams a kWh, and the building's factor."""
    return Energy(
        round(fields["price"] * 1_000_000), round(fields["carbon"]), round(fields["pue"] * 1000)
    )


def needs_of(fields: dict[str, Any]) -> TaskNeeds:
    """What a task of a group needs: `cpu`, `mem_gib` and `chips`."""
    alternatives = tuple(alternative(text) for text in fields.get("chips", []))
    cpu, mem_gib = fields.get("cpu", 1), fields.get("mem_gib", 1)
    return TaskNeeds(round(cpu * 1000), round(mem_gib * 1024), alternatives)


def to_ms(text: str | int) -> int:
    """`90m` in milliseconds."""
    return round(float(str(text)[:-1]) * UNITS_MS[str(text)[-1]])


def alternative(text: str) -> AcceleratorNeed:
    """`2 A100-80GB` or `2 A100-80GB at 0.5` as an alternative."""
    count, model, *speed = text.replace(" at ", " ").split()
    milli = round(float(speed[0]) * 1000) if speed else None
    return AcceleratorNeed(model, round(float(count) * 1000), milli)


def shown_chips(placement: Placement) -> str:
    """The chips of each task."""
    return f"{placement.accelerator_milli / 1000:g} {placement.accelerator}"


if __name__ == "__main__":
    for found in [Path(name) for name in sys.argv[1:]] or scenario_files():
        rewrite(found)
