"""Sentences for what the program names but does not describe: states, classes, limits.

A name without a sentence here, or a sentence without its name, ends `make docs` with an error.
"""

from collections.abc import Iterable, Mapping

JOB_STATES = {
    "queued": "It waits. `hutong explain` says for what, and when it expects to start.",
    "placed": "The scheduler chose its nodes; the site has not yet said that it knows.",
    "staging": "The site prepares it: it was heard to know the attempt.",
    "starting": "The site starts its tasks.",
    "running": "Its tasks run. The meter counts from here.",
    "succeeded": "Every task ended with exit code 0.",
    "failed": "It ended badly and no retry was left or asked for.",
    "cancelled": "Somebody cancelled it, a job it needs failed, or its deadline passed.",
}
ATTEMPT_STATES = {
    "placed": "Decided, and not yet heard of from the site.",
    "staging": "The site knows it.",
    "starting": "The site starts its tasks.",
    "running": "Its tasks run.",
    "stopping": "It should end: SIGTERM is on its way, SIGKILL after the grace.",
    "ended": "No process of it is left, and its end is in the journal.",
    "lost": "Its site was silent until the lease ran out. Whatever still ran there has ended "
    "itself by then. The site may tell later how it really ended, which corrects the meter.",
}
FAILURES = {
    "none": ("It did not fail.", "nothing to retry"),
    "user": ("The job's own doing: an exit code, a signal, a time limit.", "`retry.user`, 0"),
    "machine": ("The machine's: it would not start, or its processes vanished.",
                "`retry.machine`, 3"),
    "site": ("The site's: it was out of reach until the lease ran out.", "`retry.site`, 16"),
    "preempted": ("Nobody's: it made room for a job that comes first.", "always, and free"),
    "cancelled": ("Somebody's wish, or a wish that can no longer come true.", "never"),
}  # fmt: skip
NODE_CONDITIONS = {
    "ready": "New work may go there.",
    "draining": "An operator keeps new work away; what runs there goes on.",
    "down": "The site says that it does not work.",
    "booting": "A provider is starting it: work is planned for it and waits until it is ready.",
}
PRIORITIES = {
    "urgent": "Goes first and may stop jobs of lower classes.",
    "high": "Before normal work.",
    "normal": "What a job has when it says nothing.",
    "low": "After normal work.",
    "best-effort": "Uses what nobody else wants at the moment.",
}
LIMITS = {
    "REQUEST_BODY_BYTES": "The body of one request, bulk submissions apart.",
    "BULK_BODY_BYTES": "The body of one bulk submission.",
    "BULK_LINE_BYTES": "One line of a bulk submission.",
    "BULK_JOBS_PER_BATCH": "Jobs of a bulk submission that become durable together.",
    "JOB_SPEC_BYTES": "One job with its script and files.",
    "JOB_FILE_BYTES": "A file given to `hutong submit` or `hutong plan`.",
    "JOB_FILE_DOCUMENTS": "Documents in one such file, which are jobs.",
    "SCRIPT_BYTES": "A job's script, and its set-up script.",
    "INLINE_FILES": "Files that travel with a job.",
    "INLINE_FILE_BYTES": "One of these files.",
    "ENV_ENTRIES": "Environment variables that a job sets.",
    "ENV_BYTES": "These variables together.",
    "ARGV_ENTRIES": "Words of a job's command.",
    "NAME_CHARS": "A job's name, and any other free name.",
    "LABELS": "Labels of a job.",
    "LABEL_CHARS": "One label's name, or its value.",
    "PATH_CHARS": "A path in a job.",
    "IDEMPOTENCY_KEY_CHARS": "An idempotency key.",
    "GANG_TASKS": "Tasks of a gang.",
    "ARRAY_ELEMENTS": "Elements of an array.",
    "ARRAY_NUMBER": "The highest number an element of an array may have.",
    "ALTERNATIVES": "Alternatives of accelerators that one job may name.",
    "SPEED_MILLI": "The relative speed of an alternative.",
    "FRAMEWORKS": "Frameworks that one job may demand.",
    "CONSTRAINT_WORDS": "Names in one constraint (`where`).",
    "DEPENDENCIES": "Jobs that one job may depend on.",
    "RETRIES": "Retries of one class of failure that a job may ask for.",
    "GROUPS": "Groups of a gang beside its other tasks.",
    "AFFINITIES": "What one job may say about the jobs it stands beside.",
    "INPUTS": "Data sets that one job may read.",
    "INPUT_MIB": "The size of one of them.",
    "CLASSES": "Classes of one profile.",
    "PROFILE_COUNT": "Reservations and candidates that a profile may set.",
    "TASK_CPU_MILLI": "CPUs of one task.",
    "TASK_MEMORY_MIB": "Memory of one task.",
    "TASK_ACCELERATOR_MILLI": "Accelerators of one task.",
    "DURATION_MS": "Any duration in a job: time limit, estimate, shortest run.",
    "UNIX_TIME_MS": "Any point in time in a job. This is the start of the year 2100.",
    "MONEY_MICROCNY": "Any sum of money in a job.",
    "QUEUED_JOBS": "Jobs of one hub that are not over.",
    "SITES": "Sites of one hub.",
    "SITE_NODES": "Nodes of one site.",
    "SITE_POOLS": "Pools of one site.",
    "TENANTS": "Tenants of one hub.",
    "ATTEMPTS_PER_ELEMENT": "Attempts of one job, or of one element of an array.",
    "PLAN_PLACEMENTS": "Placements of one cycle; the next cycle goes on at once.",
    "SYNC_OBSERVATIONS": "Attempts that one report of an agent may name.",
    "SYNC_ORDERS": "Attempts that one answer to an agent starts; the next one goes on.",
    "LOG_CHUNK_BYTES": "What an agent sends of a log at once.",
    "LOG_BYTES_PER_TASK": "What the hub keeps of one task's log; the rest stays at the site.",
    "LIST_ROWS": "Rows of one page of a listing.",
    "EVENT_ROWS": "Events that the hub reads from its journal at once.",
    "STREAMS": "Open streams of one hub: followed logs and events, agents' streams.",
    "CALENDAR_OFFSET_MS": "From UTC to the calendar of quotas over a day or a month: China's.",
    "WINDOW_DAYS": "How many days back sums by day are kept; those by month stay.",
    "QUOTA_RULES": "Rules of one quota.",
    "LEASE_TTL_MS": "How long a site may run its attempts without an answer from the hub.",
    "LEASE_MARGIN_MS": "How much longer the hub waits before it counts them as lost.",
    "CLOCK_SKEW_MS": "How far a site's clock may be off; a time beyond that is cut to it.",
    "SILENT_AFTER_MS": "After this long without a word a site gets no new work.",
    "HEARTBEAT_MS": "How often an agent speaks when it has nothing to say.",
    "BOOKINGS": "Bookings of one hub that are not over.",
    "BOOKING_NOTE_CHARS": "Characters of a booking's note.",
    "CHECKPOINT_GAP_MS": "Of one attempt a checkpoint is written down this often at most.",
    "DEFAULT_GRACE_MS": "From SIGTERM to SIGKILL, unless the job says otherwise.",
    "GRACE_MS": "The longest grace that a job may ask for.",
    "REPLICA_NAMES": "Inputs of which the hub remembers where they were staged.",
}

AVAILABILITY = {
    "site_silent": "The site was not heard for too long.",
    "site_draining": "An operator keeps new work away from the site.",
    "node_down": "The site says that the node is down.",
    "node_draining": "An operator keeps new work away from the node.",
    "deadline": "It could no longer end before its deadline there.",
    "groups": "No pool of the site could run one of the gang's other groups.",
}
PROFILE_SETTINGS = {
    "classes": "The classes of the queue, the most urgent first.",
    "order": "Who comes first: `fair` goes by class, fair share, deadline slack and age, `fifo` by "
    "class and age, `sjf` by class, shortest run and age, `quick` by class and age, with much work "
    "set back; in rounds `srpt` by class and what is "
    "left of the work, `las` by class and what was received, `gittins` by class and what one end "
    "is expected to cost, learnt from jobs that ended.",
    "quick_work_ms": "Under the order `quick`: a job of so much work (chips times time; CPUs times "
    "time where it takes no chips) or more is set back in full, one of less in proportion.",
    "overtake_ms": "Under the order `quick`: how far a job is set back at most. Only what is "
    "handed in at most so much later can overtake it.",
    "share_half_life_ms": "After this time what a tenant used counts half as much; 0 counts only "
    "what it holds now.",
    "backfill": "What may start before a blocked job: `none` nothing, `easy` what delays no "
    "reserved job, `conservative` what delays no job at all that waits before it.",
    "fit": "Which node of many: `tightest` the one with the least left over, `fragmentation` the "
    "one whose rest other jobs can still use best.",
    "preemption": "Whether urgent work may stop what runs.",
    "reclaim": "Whether what was lent is taken back when its owner asks.",
    "reservations_count": "How many blocked jobs hold a reservation at most.",
    "reservation_horizon_ms": "Where something is kept for a job already, others get a reservation "
    "only if they start so soon; 0 is whenever they start.",
    "placements_count": "Placements of one cycle at most; the next one goes on at once.",
    "candidates_count": "How many candidates an explanation keeps.",
    "default_run_ms": "How long a job is thought to run that gives neither an estimate nor a time "
    "limit.",
    "better_wait_ms": "How long a job waits at most for a better pool than one that is free.",
    "cost_weight_milli": "What cost weighs against time for the objective `balanced`, in "
    "thousandths.",
    "hour_value_microcny": "What an hour of a job's time is worth when time and cost are compared.",
    "preferred_bonus_milli": "How much better a pool looks that the job prefers, in thousandths.",
    "domestic_bonus_milli": "The same for domestic chips, where the job prefers them.",
    "domestic_target_milli": "The share of accelerator work that domestic chips should do.",
    "energy_weight_milli": "How much of what a site's power costs counts as cost.",
    "carbon_microcny_per_kg": "What a kilogram of CO2 counts as cost.",
    "commercial_rule": "When commercial capacity is started: `after`, once the expected wait is "
    "longer than `commercial_after`, or `worth`, once it is worth more than buying costs.",
    "commercial_after_ms": "Commercial capacity is started once the expected wait is longer.",
    "commercial_idle_ms": "Commercial capacity is given back once it was idle for so long.",
    "round_ms": "How long a job runs before it may be stopped for another that comes before it; 0 "
    "is never.",
    "round_gain_milli": "By how much one that runs counts more than one that waits, in "
    "thousandths.",
    "restart_ms": "How much longer it takes to go on after a stop.",
    "grow_after_ms": "How long a gang that may be resized runs at least before it grows.",
    "spot_retry_ms": "How long an offer on spot terms that refused a node, or took one back, is "
    "not asked again; above 0 jobs with deadlines move between offers.",
    "cleaner_mean_wait_ms": "How long jobs wait on average for an hour, and a site, whose power "
    "causes less carbon; 0 has nobody wait.",
}
SETTINGS = {
    "HUTONG_URL": "Address of the hub, for every command that talks to one.",
    "HUTONG_TOKEN": "Token to send with it.",
    "HUTONG_TENANT": "Tenant of the jobs whose file names none.",
    "HUTONG_DATA": "Where a hub keeps its data; default `$XDG_STATE_HOME/hutong`, else "
    "`~/.local/state/hutong`.",
    "HUTONG_DEBUG": "Not empty: a fault of the program itself shows where it happened.",
    "NO_COLOR": "Not empty: no colours.",
    "FORCE_COLOR": "Not empty: colours, also where the output is no terminal.",
    "COLUMNS": "Width of tables; default the terminal's.",
}
TASK_VARIABLES = {
    "HUTONG_JOB_ID": "The job.",
    "HUTONG_JOB_NAME": "Its name.",
    "HUTONG_ATTEMPT_ID": "The attempt, unique over all hubs' lives.",
    "HUTONG_ATTEMPT_NUMBER": "Which attempt of the job (or element) it is, from 1.",
    "HUTONG_ATTEMPT_DIR": "The attempt's folder at the site; everything in it goes with it.",
    "HUTONG_CHECKPOINT_FILE": "Touch it when the job's state is written down: if room must be "
    "made, what was done before is not counted as lost.",
    "HUTONG_DATA_DIR": "A folder that the tenant's jobs at this site share. Nothing in it is ever "
    "removed.",
    "HUTONG_FENCING_TOKEN": "A number that only grows: of two attempts the later has the higher. "
    "Write it beside a checkpoint, and refuse to overwrite one with a higher number.",
    "HUTONG_TENANT": "The tenant that pays.",
    "HUTONG_SITE": "The site.",
    "HUTONG_POOL": "The pool.",
    "HUTONG_NODE": "The node this task runs on.",
    "HUTONG_TASKS": "Size of the whole gang, its groups and parts together.",
    "HUTONG_TASK_RANK": "Which task of the gang this is, from 0.",
    "HUTONG_GROUP": "The task's group of the gang; empty in the gang itself.",
    "HUTONG_GROUP_RANK": "Which task of its group, or of the gang itself, this is, from 0.",
    "HUTONG_GROUP_TASKS": "How many tasks its group, or the gang itself, has at this site.",
    "HUTONG_PART": "Which part of a gang that is split over sites this is, from 0.",
    "HUTONG_PARTS": "How many parts it has; 1 for a gang that is not split.",
    "HUTONG_ACCELERATOR": "The chip's name in the catalogue; empty without one.",
    "HUTONG_ACCELERATOR_COUNT": "Chips of each task; may be a fraction.",
    "HUTONG_ACCELERATOR_DECLARED": "`1` where the chips are counted tokens, not devices.",
    "HUTONG_ARRAY_INDEX": "The element's number, as the array's range gives it.",
    "HUTONG_ARRAY_COUNT": "How many elements the array has.",
}


def meaning_of(names: Iterable[str], meanings: Mapping[str, object], what: str) -> None:
    """Raise ValueError unless exactly `names` have a meaning."""
    names = list(names)
    missing = [name for name in names if name not in meanings]
    stray = [name for name in meanings if name not in names]
    if missing or stray:
        raise ValueError(f"{what}: no meaning for {missing}, a meaning for no name: {stray}")
