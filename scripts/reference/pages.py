"""Every generated page by its file name."""

from collections.abc import Callable

from benchmarks.scoreboard import kept
from scripts.reference import api_page, catalogue_pages, cli_page, model_pages, program_pages

PAGES: dict[str, Callable[[], str]] = {
    "cli.md": cli_page.cli_page,
    "api.md": api_page.api_page,
    "errors.md": model_pages.errors_page,
    "reasons.md": model_pages.reasons_page,
    "states.md": model_pages.states_page,
    "events.md": model_pages.events_page,
    "limits.md": model_pages.limits_page,
    "metrics.md": program_pages.metrics_page,
    "settings.md": program_pages.settings_page,
    "profiles.md": program_pages.profiles_page,
    "environment.md": program_pages.environment_page,
    "accelerators.md": catalogue_pages.accelerators_page,
    "stacks.md": catalogue_pages.stacks_page,
    "regions.md": catalogue_pages.regions_page,
    "scoreboard.md": kept.page,
}


def render_all() -> dict[str, str]:
    """The text of every page."""
    return {name: make() for name, make in PAGES.items()}
