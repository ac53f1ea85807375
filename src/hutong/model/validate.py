"""Checks of a handed-in job against the limits, the same for client and hub.

Pure and quick: it runs for each of 100,000 jobs of a bulk submission, so that what a plain job
leaves at its default costs an identity test. It checks form and size only; whether a chip, a
region or a tenant exists is for those who know them.
"""

import re
from collections.abc import Iterable

from hutong.model import limits
from hutong.model.errors import HutongError, refuse
from hutong.model.ids import is_job, is_name, is_tenant
from hutong.model.job import ArraySpec, Constraints, InlineFile, JobSpec, Program, RetryPolicy
from hutong.model.resources import AcceleratorNeed, FrameworkNeed, TaskNeeds

# What neither a shell, a terminal nor a log can be trusted with. Tabs and line breaks are text.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FRAMEWORK = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,5}")

# msgspec gives every job the same object for a default, so that an identity test knows it.
_PLAIN = JobSpec("plain", Program())


def check_spec(spec: JobSpec) -> None:
    """Raise `job.invalid` for the first field of `spec` that breaks a limit or makes no sense.

    A dependency may still hold the name of an earlier job of the same submission.
    """
    _check_name("name", spec.name)
    _check_program(spec.program)
    tenant = spec.tenant
    if tenant != "default" and not is_tenant(tenant):
        raise _invalid(
            "tenant", tenant, "it is not a path of names",
            "Join one to eight names by `/`; a name has lower-case letters, digits, `-` and `.`.",
        )  # fmt: skip
    _check_range("tasks", spec.tasks, 1, limits.GANG_TASKS)
    _check_needs(spec.needs)
    if spec.frameworks:
        _check_frameworks(spec.frameworks)
    if spec.array is not None:
        _check_array(spec.array)
    if spec.constraints is not _PLAIN.constraints:
        _check_constraints(spec.constraints)
    if spec.depends_on:
        _check_dependencies(spec)
    if spec.retry is not _PLAIN.retry:
        _check_retry(spec.retry)
    _check_times(spec)
    _check_range("budget_microcny", spec.budget_microcny, 0, limits.MONEY_MICROCNY)
    if spec.labels:
        _check_labels(spec.labels)
    if spec.source != "api":
        _check_name("source", spec.source)


def is_env_name(text: str) -> bool:
    """Say whether a shell takes `text` as the name of a variable."""
    return _ENV_NAME.fullmatch(text) is not None


def _invalid(field: str, value: object, problem: str, advice: str) -> HutongError:
    shown = value if isinstance(value, int) else str(value)
    return refuse("job.invalid", field=field, value=shown, problem=problem, advice=advice)


def _check_range(field: str, value: int, low: int, high: int) -> None:
    if low <= value <= high:
        return
    if value < low:
        problem = f"it is less than {low}" if low else "it is negative"
    else:
        problem = f"the limit is {high}"
    raise _invalid(field, value, problem, f"Choose a whole number from {low} to {high}.")


def _check_name(field: str, name: str) -> None:
    if 0 < len(name) <= limits.NAME_CHARS and name.isprintable() and name.strip() == name:
        return
    if not name.strip():
        raise _invalid(field, name, "it is empty", "Give it a name.")
    if len(name) > limits.NAME_CHARS:
        raise _invalid(
            field, name, f"it has {len(name)} characters, and {limits.NAME_CHARS} is the limit",
            "Shorten it.",
        )  # fmt: skip
    if not name.isprintable():
        raise _invalid(
            field, name, "it holds a control character", "Use letters, digits and punctuation."
        )
    raise _invalid(field, name, "it begins or ends with a space", "Leave the space away.")


def _check_text(field: str, text: str) -> None:
    if found := _CONTROL.search(text):
        raise _invalid(
            field, text, f"it holds the control character U+{ord(found.group()):04X}",
            "Only tabs and line breaks are text; write other bytes as an escape of the language.",
        )  # fmt: skip


def _bytes(text: str) -> int:
    """Length in UTF-8; a lone surrogate, refused elsewhere, counts as a replacement."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _too_long(field: str, value: str, size: int, limit: int) -> HutongError:
    return _invalid(
        field, value[:40], f"it has {size} bytes, and {limit} is the limit",
        "Keep the job small and read large data from the site's own storage.",
    )  # fmt: skip


def _check_program(program: Program) -> None:
    total = 0
    if program.script:
        if program.argv:
            raise _invalid(
                "program", program.argv[0], "it has both a script and a command",
                "Hand in one of them.",
            )  # fmt: skip
        total += _check_script("program.script", program.script)
    elif program.argv:
        total += _check_argv(program.argv)
    if not program.argv and not program.script.strip():
        raise _invalid("program", "", "there is nothing to run", "Give it a script or a command.")
    if program.setup:
        total += _check_script("program.setup", program.setup)
    if program.env:
        total += _check_env(program.env)
    if program.files:
        total += _check_files(program.files)
    if program.workdir is not None:
        _check_workdir(program.workdir)
    if total > limits.JOB_SPEC_BYTES:
        raise _too_long("program", "all of it", total, limits.JOB_SPEC_BYTES)


def _check_script(field: str, script: str) -> int:
    _check_text(field, script)
    size = _bytes(script)
    if size > limits.SCRIPT_BYTES:
        raise _too_long(field, script, size, limits.SCRIPT_BYTES)
    return size


def _check_argv(argv: tuple[str, ...]) -> int:
    if not argv[0].strip():
        raise _invalid(
            "program.argv", argv[0], "its first word names no program", "Begin with the program."
        )
    if len(argv) > limits.ARGV_ENTRIES:
        raise _invalid(
            "program.argv", argv[0],
            f"it has {len(argv)} words, and {limits.ARGV_ENTRIES} is the limit",
            "Pass long lists in a file.",
        )  # fmt: skip
    size = 0
    for word in argv:
        _check_text("program.argv", word)
        size += _bytes(word)
    return size


def _check_env(env: dict[str, str]) -> int:
    if len(env) > limits.ENV_ENTRIES:
        raise _invalid(
            "program.env", len(env), f"{limits.ENV_ENTRIES} variables are the limit",
            "Pass the rest in a file.",
        )  # fmt: skip
    size = 0
    for name, value in env.items():
        if _ENV_NAME.fullmatch(name) is None:
            raise _invalid(
                "program.env", name, "a shell takes no variable of this name",
                "Use letters, digits and `_`, and no digit first.",
            )  # fmt: skip
        if _CONTROL.search(value):
            _check_text(f"program.env.{name}", value)
        size += len(name) + _bytes(value) + 2
    if size > limits.ENV_BYTES:
        raise _too_long("program.env", next(iter(env)), size, limits.ENV_BYTES)
    return size


def _check_files(files: tuple[InlineFile, ...]) -> int:
    if len(files) > limits.INLINE_FILES:
        raise _invalid(
            "program.files", len(files), f"{limits.INLINE_FILES} files are the limit",
            "Keep the others in the site's own storage.",
        )  # fmt: skip
    size = 0
    names: dict[str, None] = {}
    for file in files:
        problem = problem_of_relative_path(file.name)
        if problem:
            raise _invalid(
                "program.files", file.name, problem,
                "Give a path below the job's folder, such as `conf/train.yaml`.",
            )  # fmt: skip
        if file.name in names:
            raise _invalid(
                "program.files", file.name, "two files have this name", "Rename one of them."
            )
        names[file.name] = None
        if _UNSTORABLE.search(file.content):
            raise _invalid(
                "program.files", file.name, "its content is not text",
                "Only small UTF-8 text files travel with a job.",
            )  # fmt: skip
        length = _bytes(file.content)
        if length > limits.INLINE_FILE_BYTES:
            raise _too_long("program.files", file.name, length, limits.INLINE_FILE_BYTES)
        size += length
    for name in names:
        while "/" in name:
            name = name.rpartition("/")[0]  # noqa: PLW2901
            if name in names:
                raise _invalid(
                    "program.files", name, "it would be a file and a folder", "Rename one of them."
                )
    return size


def problem_of_relative_path(path: str) -> str:
    """Say what keeps `path` from being a plain path below a folder; empty where nothing does."""
    if not path or path.startswith("/"):
        return "it is not a relative path"
    if len(path) > limits.PATH_CHARS:
        return f"it is longer than {limits.PATH_CHARS} characters"
    if not path.isprintable() or "\\" in path:
        return "it holds a control character or a backslash"
    parts = path.split("/")
    if ".." in parts:
        return "it climbs out of the folder"
    if "" in parts or "." in parts:
        return "it has an empty part or a `.` in it"
    if any(len(part.encode("utf-8", "replace")) > 255 for part in parts):
        return "one of its names is longer than 255 bytes"
    return ""


def _check_workdir(path: str) -> None:
    problem = ""
    if not path.startswith("/"):
        problem = "it is not an absolute path"
    elif path != "/":
        problem = problem_of_relative_path(path.strip("/"))
    if problem:
        raise _invalid(
            "program.workdir", path, problem,
            "Give an absolute path at the site, or leave it away for a fresh directory.",
        )  # fmt: skip


def _check_needs(needs: TaskNeeds) -> None:
    _check_range("needs.cpu_milli", needs.cpu_milli, 1, limits.TASK_CPU_MILLI)
    _check_range("needs.memory_mib", needs.memory_mib, 1, limits.TASK_MEMORY_MIB)
    if not needs.accelerators:
        return
    if len(needs.accelerators) > limits.ALTERNATIVES:
        raise _invalid(
            "needs.accelerators", len(needs.accelerators),
            f"{limits.ALTERNATIVES} alternatives are the limit", "Name the best ones.",
        )  # fmt: skip
    seen: dict[tuple[str, int], None] = {}
    for need in needs.accelerators:
        _check_accelerator(need)
        if (need.model, need.count_milli) in seen:
            raise _invalid(
                "needs.accelerators", need.model, "it is named twice",
                "Give each alternative once, the preferred one first.",
            )  # fmt: skip
        seen[need.model, need.count_milli] = None


def _check_accelerator(need: AcceleratorNeed) -> None:
    _check_name("needs.accelerators", need.model)
    count = need.count_milli
    _check_range("needs.accelerators", count, 1, limits.TASK_ACCELERATOR_MILLI)
    if count > 1000 and count % 1000:
        raise _invalid(
            "needs.accelerators", f"{count / 1000:g}", "only a share of one chip may be a fraction",
            "Ask for less than one chip or for whole ones.",
        )  # fmt: skip
    if need.speed_milli is not None:
        _check_range("needs.accelerators.speed_milli", need.speed_milli, 1, limits.SPEED_MILLI)


def _check_frameworks(frameworks: tuple[FrameworkNeed, ...]) -> None:
    _check_count("frameworks", len(frameworks), limits.FRAMEWORKS)
    seen: dict[str, None] = {}
    for need in frameworks:
        if _FRAMEWORK.fullmatch(need.name) is None:
            raise _invalid(
                "frameworks", need.name, "it is not the name of a framework or stack",
                "Write for example `torch` or `cuda`.",
            )  # fmt: skip
        if need.at_least and _VERSION.fullmatch(need.at_least) is None:
            raise _invalid(
                "frameworks", need.at_least, "it is not a version", "Write for example `2.1`."
            )
        if need.name in seen:
            raise _invalid("frameworks", need.name, "it is named twice", "Name it once.")
        seen[need.name] = None


def _check_count(field: str, count: int, limit: int) -> None:
    if count > limit:
        raise _invalid(field, count, f"{limit} entries are the limit", "Name fewer.")


def _check_array(array: ArraySpec) -> None:
    _check_range("array.count", array.count, 1, limits.ARRAY_ELEMENTS)
    _check_range("array.first", array.first, 0, limits.ARRAY_NUMBER)
    _check_range("array.step", array.step, 1, limits.ARRAY_NUMBER)
    _check_range("array.max_parallel", array.max_parallel, 0, limits.ARRAY_ELEMENTS)
    last = array.task_number(array.count - 1)
    if last > limits.ARRAY_NUMBER:
        raise _invalid(
            "array", last, f"the last number of an array is at most {limits.ARRAY_NUMBER}",
            "Choose a smaller step.",
        )  # fmt: skip


def _check_constraints(constraints: Constraints) -> None:
    for field, words in (
        ("constraints.regions", constraints.regions),
        ("constraints.jurisdictions", constraints.jurisdictions),
        ("constraints.owners", constraints.owners),
    ):
        _check_count(field, len(words), limits.CONSTRAINT_WORDS)
        for word in words:
            _check_name(field, word)
    _check_site_names("constraints.sites", constraints.sites)
    _check_site_names("constraints.exclude_sites", constraints.exclude_sites)
    for site in constraints.sites:
        if site in constraints.exclude_sites:
            raise _invalid(
                "constraints.sites", site, "it is excluded as well", "Keep one of the two."
            )
    _check_count("constraints.pools", len(constraints.pools), limits.CONSTRAINT_WORDS)
    for pool in constraints.pools:
        parts = pool.split("/")
        if len(parts) > 2 or not all(is_name(part) for part in parts):
            raise _invalid(
                "constraints.pools", pool, "it is not the name of a pool",
                "Write `POOL` for such a pool at any site, or `SITE/POOL` for one.",
            )  # fmt: skip


def _check_site_names(field: str, sites: Iterable[str]) -> None:
    count = 0
    for site in sites:
        count += 1
        if not is_name(site):
            raise _invalid(
                field, site, "it is not the name of a site", "`hutong sites` lists their names."
            )
    _check_count(field, count, limits.CONSTRAINT_WORDS)


def _check_dependencies(spec: JobSpec) -> None:
    _check_count("depends_on", len(spec.depends_on), limits.DEPENDENCIES)
    for dependency in spec.depends_on:
        if not is_job(dependency.job):
            _check_name("depends_on", dependency.job)
        if dependency.job == spec.name and not is_job(dependency.job):
            raise _invalid(
                "depends_on", dependency.job, "a job cannot wait for itself",
                "Name an earlier job.",
            )  # fmt: skip


def _check_retry(retry: RetryPolicy) -> None:
    _check_range("retry.user_count", retry.user_count, 0, limits.RETRIES)
    _check_range("retry.machine_count", retry.machine_count, 0, limits.RETRIES)
    _check_range("retry.site_count", retry.site_count, 0, limits.RETRIES)
    codes = retry.user_exit_codes
    _check_count("retry.user_exit_codes", len(codes), 255)
    for code in codes:
        _check_range("retry.user_exit_codes", code, 1, 255)
    if codes and not retry.user_count:
        raise _invalid(
            "retry.user_exit_codes", codes[0], "no retry is asked for",
            "Say how many retries these exit codes may cost.",
        )  # fmt: skip


def _check_times(spec: JobSpec) -> None:
    if spec.estimate_ms is not None:
        _check_range("estimate_ms", spec.estimate_ms, 1, limits.DURATION_MS)
    _check_range("time_limit_ms", spec.time_limit_ms, 0, limits.DURATION_MS)
    _check_range("deadline_ms", spec.deadline_ms, 0, limits.UNIX_TIME_MS)
    _check_range("not_before_ms", spec.not_before_ms, 0, limits.UNIX_TIME_MS)
    _check_range("grace_ms", spec.grace_ms, 0, limits.GRACE_MS)
    _check_range("min_run_ms", spec.min_run_ms, 0, limits.DURATION_MS)
    if 0 < spec.deadline_ms <= spec.not_before_ms:
        raise _invalid(
            "deadline_ms", spec.deadline_ms, "the job may not start before then",
            "Let it start earlier or end later.",
        )  # fmt: skip


def _check_labels(labels: dict[str, str]) -> None:
    _check_count("labels", len(labels), limits.LABELS)
    for name, value in labels.items():
        for text in (name, value) if value else (name,):
            _check_label(text)


def _check_label(text: str) -> None:
    if not text.strip() or len(text) > limits.LABEL_CHARS or not text.isprintable():
        raise _invalid(
            "labels", text, f"a label is one line of 1 to {limits.LABEL_CHARS} characters",
            "Shorten it and leave control characters away.",
        )  # fmt: skip
