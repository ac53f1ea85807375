"""The guide tells every generator, and every setting with its default and its range."""

from pathlib import Path

import pytest

from hutong.sim.generate import GENERATORS
from hutong.sim.generate.ai_jobs import Gang, Models
from hutong.sim.generate.arrivals import Bursts, Poisson, WeibullGaps
from hutong.sim.generate.durations import BoundedPareto, Exponential, Fixed, LogNormal
from hutong.sim.generate.estimates import Exact, Noisy, Padded, Rounded, Unsaid
from hutong.sim.generate.settings import Settings, shown
from hutong.sim.generate.tides import Tides

GUIDE = Path(__file__).parents[4] / "docs" / "guides" / "generated-workloads.md"
PARTS: tuple[type[Settings], ...] = (
    Poisson, WeibullGaps, Bursts, Tides, Fixed, Exponential, LogNormal, BoundedPareto, Unsaid,
    Exact, Padded, Noisy, Rounded, Gang, Models,
)  # fmt: skip
KINDS = [generator.settings for generator in GENERATORS.values()] + list(PARTS)


def default_of(kind: type[Settings], setting: str) -> str:
    value = getattr(kind(), setting)
    if isinstance(value, Settings):
        return f"`{value.name()}`"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return shown(value)
    if isinstance(value, str):
        return f"`{value}`"
    if not value:
        return "none"
    if isinstance(value, tuple) and len(value) > 7:
        return f"{len(value)} of them"
    if isinstance(value, dict):
        return ", ".join(f"`{name}` {shown(share)}" for name, share in value.items())
    words = [f"`{word}`" if isinstance(word, str) else "" for word in value]
    numbers = [shown(number) for number in value if isinstance(number, int | float)]
    return ", ".join(numbers or [word for word in words if word]) or f"{len(value)} of them"


def row_of(kind: type[Settings], setting: str) -> str:
    bounds = kind.RANGES.get(setting)
    span = f"{shown(bounds[0])} to {shown(bounds[1])}" if bounds else ""
    return f"| `{setting}` | {default_of(kind, setting)} | {span} |"


def section(kind: type[Settings]) -> str:
    text = GUIDE.read_text()
    begin = text.index(f"### `{kind.name()}`\n")
    return text[begin : text.find("\n#", begin + 4)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.name()))
def test_the_guide_tells_every_setting_with_default_and_range(kind: type[Settings]) -> None:
    lines = section(kind).splitlines()
    wanted = [row_of(kind, setting) for setting in kind.__struct_fields__]
    told = [line for line in lines if line.startswith("| `")]
    assert told == wanted
