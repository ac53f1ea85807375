"""Chip models and regions in settings, by the catalogue."""

from functools import cache

from hutong.catalog import Catalog, load_catalog
from hutong.sim.generate.settings import Settings

ANY = "any"


@cache
def _catalog() -> Catalog:
    return load_catalog()


def chip_name(settings: Settings, setting: str, name: str) -> str:
    """The catalogue's name of a chip. Raises `HutongError` `generate.setting` for another."""
    if name == ANY:
        return name
    found = _catalog().find_accelerator(name)
    if found is None:
        near = _catalog().nearest_accelerator(name)
        advice = f", but {' and '.join(near)}" if near else ""
        raise settings.refusal(setting, f"the catalogue knows no chip {name!r}{advice}")
    return found.name


def jurisdiction_of(region: str) -> str:
    """The jurisdiction of a region of the catalogue; empty for one of the operator's own."""
    found = _catalog().find_region(region)
    return found.jurisdiction if found is not None else ""
