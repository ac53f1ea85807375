"""A job while it is read: what the file said so far, and where it said it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from hutong.client.formats.source import Source
from hutong.model.errors import HutongError, refuse
from hutong.model.job import (
    Commercial,
    Constraints,
    JobSpec,
    Preferences,
    Program,
    RetryPolicy,
)
from hutong.model.resources import FrameworkNeed, TaskNeeds
from hutong.model.validate import check_spec

_GROUPS = {
    "program": Program(),
    "needs": TaskNeeds(),
    "constraints": Constraints(),
    "retry": RetryPolicy(),
    "preferences": Preferences(),
    "commercial": Commercial(),
}

IMAGE_LABEL = "image"
"""The label that holds the container image of a job, for the sites that run images."""


class FileWarning(msgspec.Struct, frozen=True):
    """Something in a job file that changes nothing here, or not what its writer may think."""

    line: int
    word: str
    sentence: str


class Place(NamedTuple):
    """Where something stands: the line from 1, the key or option, and its value as written."""

    line: int
    word: str
    written: str = ""


class Draft:
    """Collects the fields of one job with their places, and makes the checked job of them.

    A field is named as in errors about a job: `tasks`, `needs.cpu_milli`, `program.env`.
    """

    def __init__(self, source: Source, kind: str) -> None:
        self.source = source
        self.warnings: list[FileWarning] = []
        self._kind = kind
        self._values: dict[str, Any] = {}
        self._places: dict[str, Place] = {}

    def put(self, field: str, value: Any, place: Place) -> None:
        """Note a value and where the file says it."""
        self._values[field] = value
        self._places[field] = place

    def mark(self, field: str, place: Place) -> None:
        """Note where a part of a field stands."""
        self._places[field] = place

    def said(self, field: str) -> bool:
        """Say whether the file, or the base, gave this field."""
        return field in self._values or field in self.source.base

    def place(self, field: str) -> Place | None:
        """Give the place where the file says a field."""
        return self._places.get(field)

    def value(self, field: str, default: Any = None) -> Any:
        """Give what the file said of a field."""
        return self._values.get(field, default)

    def program(self) -> Program:
        """Give the job's program as far as it is read."""
        start = self.source.base.get("program", _GROUPS["program"])
        members = {
            field.removeprefix("program."): value
            for field, value in self._values.items()
            if field.startswith("program.")
        }
        program: Program = msgspec.structs.replace(start, **members)
        return program

    def needs(self) -> TaskNeeds:
        """Give what each task needs as far as the file says it."""
        members = {
            field.removeprefix("needs."): value
            for field, value in self._values.items()
            if field.startswith("needs.")
        }
        return TaskNeeds(**members)

    def warn(self, line: int, word: str, sentence: str) -> None:
        """Note a warning."""
        self.warnings.append(FileWarning(line, word, sentence))

    def add_framework(self, need: FrameworkNeed, place: Place) -> None:
        """Ask for one framework more, unless the file asks for it already."""
        known: tuple[FrameworkNeed, ...] = self.value("frameworks", ())
        if all(other.name != need.name for other in known):
            self.put("frameworks", (*known, need), self.place("frameworks") or place)

    def keep_image(self, image: str, place: Place) -> None:
        """Keep the name of a container image for the sites that run images, in a label."""
        labels = {**self.value("labels", {}), IMAGE_LABEL: image}
        self.put("labels", labels, self.place("labels") or place)
        self.warn(
            place.line,
            image,
            "Only sites that run container images use it; elsewhere the programs of the site run.",
        )

    def finish(self) -> JobSpec:
        """Make the job and check it; an error says the line of the field it is about."""
        self._warn_of_small_needs()
        fields: dict[str, Any] = {"source": self._kind, **self.source.base}
        fields.setdefault("program", _GROUPS["program"])
        grouped: dict[str, dict[str, Any]] = {}
        for field, value in self._values.items():
            group, dot, name = field.partition(".")
            if dot:
                grouped.setdefault(group, {})[name] = value
            else:
                fields[field] = value
        for group, members in grouped.items():
            fields[group] = msgspec.structs.replace(fields.get(group, _GROUPS[group]), **members)
        spec = JobSpec(**fields)
        try:
            check_spec(spec)
        except HutongError as error:
            raise self._located(error.facts, error) from None
        return spec

    def _located(self, facts: Mapping[str, str | int], error: HutongError) -> HutongError:
        field = str(facts["field"])
        while field not in self._places and "." in field:
            field = field.rpartition(".")[0]
        place = self._places.get(field) or next(
            (place for name, place in self._places.items() if name.startswith(f"{field}.")), None
        )
        if place is None:
            return error
        return refuse(
            "file.bad_value",
            file=self.source.file,
            line=place.line,
            key=place.word,
            value=str(facts["value"]) if "." in str(facts["field"]) else place.written,
            problem=str(facts["problem"]),
            advice=str(facts["advice"]),
        )

    def _warn_of_small_needs(self) -> None:
        """A program on an accelerator rarely lives in the default's one CPU and 256 MiB."""
        place = self.place("needs.accelerators")
        if place is None or "needs" in self.source.base:
            return
        unsaid = []
        if not self.said("needs.cpu_milli"):
            unsaid.append("1 CPU")
        if not self.said("needs.memory_mib"):
            unsaid.append(f"{TaskNeeds().memory_mib} MiB of memory")
        if unsaid:
            self.warn(
                place.line,
                place.word,
                f"The file does not say more, so that each task gets {' and '.join(unsaid)}.",
            )
