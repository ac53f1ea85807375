"""Dotted versions compare as people read them."""

import pytest

from hutong.scheduler.versions import is_at_least


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ("12.10", "12.4"),
        ("12.4", "12.4.0"),
        ("2.5.1+cu121", "2.5.1"),
        ("2.1", "2.1rc1"),
        ("2.1rc2", "2.1rc1"),
        ("2.1.post1", "2.1"),
        ("8.0.RC3", "7.9"),
        ("8.0", "8.0.RC3"),
        ("v1.2", "1.2"),
        ("3", ""),
        ("", ""),
    ],
)
def test_a_version_is_at_least_another(found: str, wanted: str) -> None:
    assert is_at_least(found, wanted)


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ("12.4", "12.10"),
        ("2.1rc1", "2.1"),
        ("8.0.RC2", "8.0.RC3"),
        ("8.0.RC2", "8.0.RC10"),
        ("", "1"),
        ("unknown", "0.1"),
        ("2.1", "2.1.post1"),
    ],
)
def test_a_version_is_below_another(found: str, wanted: str) -> None:
    assert not is_at_least(found, wanted)
