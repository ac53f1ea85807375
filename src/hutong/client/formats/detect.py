"""Which of the four formats a file has, from its content first and its name second."""

import re

from hutong.model.errors import HutongError, refuse

FORMATS = ("hutong", "sbatch", "skypilot", "kubernetes")

_SCRIPT_NAMES = (".sh", ".bash", ".sbatch", ".slurm", ".sub", ".job")
_DIRECTIVE = re.compile(r"^#SBATCH(\s|-|$)", re.MULTILINE)
_TOP_KEY = re.compile(r"""^(?:---\s+)?["']?([A-Za-z_][\w.-]*)["']?\s*:(?=\s|$)(.*)""")

# Keys that only one of the two reads. What both read (`name`, `run`, `setup`, `resources`) tells
# nothing, and a file of these alone is Hutong's.
_SKYPILOT_ONLY = (
    "num_nodes", "envs", "secrets", "file_mounts", "event_callback", "config", "service", "pool",
    "outputs", "volumes", "experimental", "managed_secrets", "file_mounts_mapping",
    "volume_mounts", "api_server_access", "execution", "primary_tasks", "termination_delay",
)  # fmt: skip
_SKYPILOT_RESOURCES = (
    "infra", "cloud", "region", "zone", "any_of", "ordered", "use_spot", "instance_type",
    "job_recovery", "spot_recovery", "disk_size", "disk_tier", "image_id", "autostop", "ports",
    "network_tier", "accelerator_args", "local_disk", "max_hourly_cost", "priority_class",
)  # fmt: skip
_HUTONG_ONLY = (
    "command", "env", "files", "tenant", "priority", "tasks", "frameworks", "array", "time_limit",
    "estimate", "deadline", "not_before", "budget", "objective", "where", "depends_on", "retry",
    "grace", "preemptible", "min_run", "exclusive", "labels", "workload", "weigh", "prefer",
    "resize", "groups", "layout", "within", "near", "apart", "checkpoint", "commercial", "split",
)  # fmt: skip


def detect_format(text: str, file: str) -> str:
    """Name the format of a file, or refuse one that is none of the four or could be two."""
    head = text.lstrip("\ufeff")
    if head.startswith("#!") or file.lower().endswith(_SCRIPT_NAMES):
        return "sbatch"
    top, below_resources = _keys(head)
    if "apiVersion" in top or "kind" in top:
        return "kubernetes"
    if head.lstrip().startswith("{") and '"apiVersion"' in head:
        return "kubernetes"
    if not top and _DIRECTIVE.search(head):
        return "sbatch"
    sky = _first(top, _SKYPILOT_ONLY) or _first(below_resources, _SKYPILOT_RESOURCES)
    ours = _first(top, _HUTONG_ONLY)
    if sky and ours:
        raise _unknown(
            file,
            f"`{sky[0]}` in line {sky[1]} is a key of SkyPilot's and `{ours[0]}` in line "
            f"{ours[1]} one of Hutong's own",
        )
    if sky:
        return "skypilot"
    if ours or "name" in top or "run" in top:
        return "hutong"
    if not head.strip():
        return "hutong"
    if top:
        key = next(iter(top))
        raise _unknown(file, f"line {top[key]} begins with `{key}:`, which is a key of none")
    raise _unknown(file, "it has neither a `#!` line nor a key at the beginning of a line")


def _unknown(file: str, problem: str) -> HutongError:
    return refuse("file.unknown_format", file=file, problem=problem)


def _first(keys: dict[str, int], wanted: tuple[str, ...]) -> tuple[str, int] | None:
    return next(((key, line) for key, line in keys.items() if key in wanted), None)


def _keys(text: str) -> tuple[dict[str, int], dict[str, int]]:
    """Find the keys at the left edge, and those below `resources`, with their lines.

    By looks, not by parsing: a file must be told apart even where a typo keeps it from being YAML.
    """
    top: dict[str, int] = {}
    below: dict[str, int] = {}
    inside = False
    for number, line in enumerate(text.split("\n"), start=1):
        if found := _TOP_KEY.match(line):
            top.setdefault(found[1], number)
            inside = found[1] == "resources"
            if inside:
                for key in re.findall(r"([A-Za-z_]\w*)\s*:", found[2]):
                    below.setdefault(key, number)
        elif inside:
            inner = re.match(r"\s+(?:-\s+)?([A-Za-z_]\w*)\s*:(.*)", line)
            if inner:
                below.setdefault(inner[1], number)
                if inner[1] in {"cpus", "memory"} and re.match(r"\s*[\"']?\d+(\.\d+)?\+", inner[2]):
                    below.setdefault("any_of", number)
    return top, below
