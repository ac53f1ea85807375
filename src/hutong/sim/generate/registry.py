"""The generators by name, so that a file can name one with its settings."""

from collections.abc import Callable
from typing import Any, NamedTuple

from hutong.model.errors import refuse
from hutong.sim.generate.ai_jobs import AiJobs, ai_jobs
from hutong.sim.generate.curves import CarbonCurve, EnergyPriceCurve, PriceCurve, daily_curve
from hutong.sim.generate.lublin import Lublin, lublin
from hutong.sim.generate.mishaps import (
    LinkDrops,
    NodeFailures,
    SiteOutages,
    SpotRate,
    link_drops,
    node_failures,
    site_outages,
    spot_rate,
)
from hutong.sim.generate.settings import Settings, read_settings
from hutong.sim.generate.worlds import MadeWorld, made_world
from hutong.sim.workload import Workload
from hutong.sim.world import Curve, Mishap, World


class Generator(NamedTuple):
    """A generator: what it takes, and what makes something of that and a seed.

    Those of mishaps take the world as a third argument.
    """

    settings: type[Settings]
    make: Callable[..., Any]


WORKLOADS = {"lublin": Generator(Lublin, lublin), "ai-jobs": Generator(AiJobs, ai_jobs)}
WORLDS = {"made-world": Generator(MadeWorld, made_world)}
CURVES = {
    "price-curve": Generator(PriceCurve, daily_curve),
    "energy-price-curve": Generator(EnergyPriceCurve, daily_curve),
    "carbon-curve": Generator(CarbonCurve, daily_curve),
}
MISHAPS = {
    "node-failures": Generator(NodeFailures, node_failures),
    "site-outages": Generator(SiteOutages, site_outages),
    "link-drops": Generator(LinkDrops, link_drops),
    "spot-rate": Generator(SpotRate, spot_rate),
}
GENERATORS = WORKLOADS | WORLDS | CURVES | MISHAPS


def make_workload(name: str, settings: dict[str, Any], seed: int) -> Workload:
    """Jobs by a generator of `WORKLOADS`. Raises `HutongError` `generate.*`."""
    workload: Workload = _make(WORKLOADS, name, settings, seed)
    return workload


def make_world(name: str, settings: dict[str, Any], seed: int) -> World:
    """A world by a generator of `WORLDS`. Raises `HutongError` `generate.*`."""
    world: World = _make(WORLDS, name, settings, seed)
    return world


def make_curve(name: str, settings: dict[str, Any], seed: int) -> Curve:
    """A curve by a generator of `CURVES`. Raises `HutongError` `generate.*`."""
    curve: Curve = _make(CURVES, name, settings, seed)
    return curve


def make_mishaps(
    name: str, settings: dict[str, Any], seed: int, world: World
) -> tuple[Mishap, ...]:
    """Mishaps of a world by a generator of `MISHAPS`. Raises `HutongError` `generate.*`."""
    mishaps: tuple[Mishap, ...] = _make(MISHAPS, name, settings, seed, world)
    return mishaps


def _make(
    generators: dict[str, Generator], name: str, settings: dict[str, Any], seed: int, *more: World
) -> Any:
    found = generators.get(name)
    if found is None:
        raise refuse("generate.unknown", name=name, names=", ".join(generators))
    return found.make(read_settings(found.settings, settings), seed, *more)
