"""Checks of where a job may run and had rather run, its data, and capacity that costs money."""

from collections.abc import Iterable

from hutong.model import limits
from hutong.model.checks import check_count, check_name, check_once, check_range, invalid
from hutong.model.ids import is_name
from hutong.model.job import Commercial, Constraints, DataInput, Preferences


def check_constraints(constraints: Constraints) -> None:
    """Check the form of the names of places."""
    _check_words("constraints.regions", constraints.regions)
    _check_words("constraints.jurisdictions", constraints.jurisdictions)
    _check_words("constraints.owners", constraints.owners)
    _check_site_names("constraints.sites", constraints.sites)
    _check_site_names("constraints.exclude_sites", constraints.exclude_sites)
    for site in constraints.sites:
        if site in constraints.exclude_sites:
            raise invalid(
                "constraints.sites", site, "it is excluded as well", "Keep one of the two."
            )
    check_count("constraints.pools", len(constraints.pools), limits.CONSTRAINT_WORDS)
    for pool in constraints.pools:
        parts = pool.split("/")
        if len(parts) > 2 or not all(is_name(part) for part in parts):
            raise invalid(
                "constraints.pools", pool, "it is not the name of a pool",
                "Write `POOL` for such a pool at any site, or `SITE/POOL` for one.",
            )  # fmt: skip


def _check_site_names(field: str, sites: Iterable[str]) -> None:
    count = 0
    for site in sites:
        count += 1
        if not is_name(site):
            raise invalid(
                field, site, "it is not the name of a site", "`hutong sites` lists their names."
            )
    check_count(field, count, limits.CONSTRAINT_WORDS)


def check_preferences(preferences: Preferences, constraints: Constraints) -> None:
    """Check the form of the names of places, and that what is preferred is not excluded."""
    _check_words("preferences.regions", preferences.regions)
    _check_words("preferences.jurisdictions", preferences.jurisdictions)
    _check_words("preferences.owners", preferences.owners)
    _check_site_names("preferences.sites", preferences.sites)
    for site in preferences.sites:
        if site in constraints.exclude_sites:
            raise invalid("preferences.sites", site, "it is excluded", "Keep one of the two.")


def check_inputs(inputs: tuple[DataInput, ...]) -> None:
    """Check the data that a job reads."""
    check_count("inputs", len(inputs), limits.INPUTS)
    for data in inputs:
        check_name("inputs", data.name)
        check_range(f"inputs.{data.name}.size_mib", data.size_mib, 1, limits.INPUT_MIB)
        _check_words(f"inputs.{data.name}.replicas", data.replicas)
        check_once(f"inputs.{data.name}.replicas", data.replicas)
    check_once("inputs", [data.name for data in inputs])


def check_commercial(commercial: Commercial) -> None:
    """Check what a job says about capacity that is started for it."""
    if commercial.after_ms is not None:
        check_range("commercial.after_ms", commercial.after_ms, 0, limits.DURATION_MS)
    check_once("commercial.terms", commercial.terms)
    if not commercial.allowed and (commercial.after_ms is not None or commercial.terms):
        raise invalid(
            "commercial", "never", "it says as well when and on what terms",
            "Leave the rest away, or allow it.",
        )  # fmt: skip


def _check_words(field: str, words: tuple[str, ...]) -> None:
    check_count(field, len(words), limits.CONSTRAINT_WORDS)
    for word in words:
        check_name(field, word)
