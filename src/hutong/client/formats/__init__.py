"""Job files in four formats: hutong YAML, sbatch scripts, SkyPilot tasks and Kubernetes Jobs.

A file is read in full or refused with the line and the word that could not be honoured; what
cannot matter here is named in a warning. Nothing of a file is executed and nothing but the files
it names, below its own folder, is read.
"""

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

import msgspec

from hutong.catalog import Catalog, load_catalog
from hutong.client.formats.attach import folder_reader, read_text
from hutong.client.formats.detect import FORMATS, detect_format
from hutong.client.formats.draft import FileWarning
from hutong.client.formats.links import link_names, with_ids
from hutong.client.formats.source import Attach, Source, check_text, decode
from hutong.client.formats.words import listed, nearest
from hutong.client.formats.writer import to_yaml
from hutong.model.errors import refuse
from hutong.model.job import JobSpec

__all__ = [
    "FORMATS",
    "Attach",
    "FileWarning",
    "Parsed",
    "decode",
    "detect_format",
    "folder_reader",
    "link_names",
    "read_jobs",
    "read_text",
    "to_yaml",
    "with_ids",
]


class Parsed(msgspec.Struct, frozen=True):
    """The jobs of one file in its order, what its writer should know, and the format it has.

    A dependency may hold the name of an earlier job; `link_names` and `with_ids` resolve it.
    """

    jobs: tuple[JobSpec, ...]
    warnings: tuple[FileWarning, ...]
    format: str


def read_jobs(
    text: str,
    file: str,
    *,
    format: str | None = None,
    base: Mapping[str, Any] | None = None,
    attach: Attach | None = None,
    now_ms: int | None = None,
    zone: tzinfo | None = None,
    catalog: Catalog | None = None,
) -> Parsed:
    """Read a job file whole, or raise `file.*` with the line and the word that kept it from that.

    `file` is the name that errors show. `base` holds fields of `JobSpec` for what the file leaves
    unsaid. `attach` reads the files that the job names (see `folder_reader`). `now_ms` is what
    `+6h` counts from, `zone` what a time without an offset is in (None: this machine's).
    """
    source = Source(
        text=text,
        file=file,
        catalog=catalog or load_catalog(),
        base=base or {},
        attach=attach,
        now_ms=now_ms,
        zone=zone,
    )
    kind = _chosen(source, format)
    check_text(source, windows_lines=kind != "sbatch")
    # Each reader is imported when its format comes: a script needs no YAML library.
    match kind:
        case "sbatch":
            from hutong.client.formats import sbatch

            jobs, warnings = sbatch.read(source)
        case "skypilot":
            from hutong.client.formats import skypilot

            jobs, warnings = skypilot.read(source)
        case "kubernetes":
            from hutong.client.formats import kubernetes

            jobs, warnings = kubernetes.read(source)
        case _:
            from hutong.client.formats import hutong

            jobs, warnings = hutong.read(source)
    warnings.sort(key=lambda warning: warning.line)
    return Parsed(tuple(jobs), tuple(warnings), kind)


def _chosen(source: Source, format: str | None) -> str:
    if format is None:
        return detect_format(source.text, source.file)
    if format not in FORMATS:
        like = nearest(format, FORMATS)
        hint = f"; did you mean `{like}`" if like else ""
        raise refuse(
            "file.unknown_format",
            file=source.file,
            problem=f"`{format}` is none of {listed(FORMATS)}{hint}",
        )
    return format
