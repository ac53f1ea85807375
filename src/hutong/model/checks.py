"""The small checks that a job's validation is made of: each raises `job.invalid` with its field."""

import re
from collections.abc import Iterable

from hutong.model import limits
from hutong.model.errors import HutongError, refuse

# What neither a shell, a terminal nor a log can be trusted with. Tabs and line breaks are text.
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def invalid(field: str, value: object, problem: str, advice: str) -> HutongError:
    """Make the refusal of a field: what is wrong with its value, and what to do."""
    shown = value if isinstance(value, int) else str(value)
    return refuse("job.invalid", field=field, value=shown, problem=problem, advice=advice)


def check_range(field: str, value: int, low: int, high: int) -> None:
    """Check a whole number against both its bounds."""
    if low <= value <= high:
        return
    if value < low:
        problem = f"it is less than {low}" if low else "it is negative"
    else:
        problem = f"the limit is {high}"
    raise invalid(field, value, problem, f"Choose a whole number from {low} to {high}.")


def check_name(field: str, name: str) -> None:
    """Check a free name: one printable line without spaces around it."""
    if 0 < len(name) <= limits.NAME_CHARS and name.isprintable() and name.strip() == name:
        return
    if not name.strip():
        raise invalid(field, name, "it is empty", "Give it a name.")
    if len(name) > limits.NAME_CHARS:
        raise invalid(
            field, name, f"it has {len(name)} characters, and {limits.NAME_CHARS} is the limit",
            "Shorten it.",
        )  # fmt: skip
    if not name.isprintable():
        raise invalid(
            field, name, "it holds a control character", "Use letters, digits and punctuation."
        )
    raise invalid(field, name, "it begins or ends with a space", "Leave the space away.")


def check_text(field: str, text: str) -> None:
    """Check that a text holds nothing that shells and terminals cannot be trusted with."""
    if found := CONTROL.search(text):
        raise invalid(
            field, text, f"it holds the control character U+{ord(found.group()):04X}",
            "Only tabs and line breaks are text; write other bytes as an escape of the language.",
        )  # fmt: skip


def size_bytes(text: str) -> int:
    """Length in UTF-8; a lone surrogate, refused elsewhere, counts as a replacement."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def too_long(field: str, value: str, size: int, limit: int) -> HutongError:
    """Make the refusal of a value of `size` bytes where `limit` are allowed."""
    return invalid(
        field, value[:40], f"it has {size} bytes, and {limit} is the limit",
        "Keep the job small and read large data from the site's own storage.",
    )  # fmt: skip


def check_count(field: str, count: int, limit: int) -> None:
    """Check how many entries a field has."""
    if count > limit:
        raise invalid(field, count, f"{limit} entries are the limit", "Name fewer.")


def check_labels(field: str, labels: Iterable[tuple[str, str]]) -> None:
    """Check names and values of labels. A value may be empty."""
    count = 0
    for name, value in labels:
        count += 1
        for text in (name, value) if value else (name,):
            if not text.strip() or len(text) > limits.LABEL_CHARS or not text.isprintable():
                raise invalid(
                    field, text, f"a label is one line of 1 to {limits.LABEL_CHARS} characters",
                    "Shorten it and leave control characters away.",
                )  # fmt: skip
    check_count(field, count, limits.LABELS)


def check_once(field: str, words: Iterable[str]) -> None:
    """Check that no word comes twice."""
    seen: dict[str, None] = {}
    for word in words:
        if word in seen:
            raise invalid(field, word, "it is named twice", "Name it once.")
        seen[word] = None
