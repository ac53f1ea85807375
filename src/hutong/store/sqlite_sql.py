"""All SQL of the SQLite store: the schema with its migrations, and every statement.

Bodies are the JSON of the row's Struct, so that adding a field needs no migration; a column exists
only where an index, a condition or a sum needs it. Readers fold many bodies into one result row
(`group_concat`): each row that SQLite hands over costs a fight for Python's interpreter lock, which
a busy event loop wins for 5 ms at a time.
"""

from functools import cache
from typing import NamedTuple

APPLICATION_ID = 0x48555447  # "HUTG", in the file's header: tells our files from any other's

VERSION_1 = (
    # One row. Each append moves `position` on under the condition that `epoch` is still its own:
    # one statement fences a stale writer and refuses a gap.
    "CREATE TABLE writer (epoch INTEGER NOT NULL, position INTEGER NOT NULL)",
    "INSERT INTO writer VALUES (0, 0)",
    "CREATE TABLE journal (position INTEGER PRIMARY KEY, entry TEXT NOT NULL)",
    # Only tenants that ever had a job; what is below a tenant is a range of names.
    "CREATE TABLE tenants (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    """
    CREATE TABLE jobs (
        number INTEGER PRIMARY KEY,
        tenant INTEGER NOT NULL,
        state TEXT NOT NULL,
        name TEXT NOT NULL,
        site TEXT NOT NULL,
        key TEXT NOT NULL,
        accepted INTEGER NOT NULL,
        body TEXT NOT NULL
    )
    """,
    # Every index ends in the rowid, the job's number: each of its ranges is sorted by age.
    "CREATE INDEX jobs_by_state ON jobs (state)",
    "CREATE INDEX jobs_by_tenant ON jobs (tenant, state)",
    "CREATE INDEX jobs_by_name ON jobs (name)",
    "CREATE INDEX jobs_by_site ON jobs (site) WHERE site <> ''",
    "CREATE UNIQUE INDEX jobs_by_key ON jobs (tenant, key) WHERE key <> ''",
    # Everything that happened to a job but its acceptance, which `jobs.accepted` tells.
    """
    CREATE TABLE story (
        job INTEGER NOT NULL,
        position INTEGER NOT NULL,
        PRIMARY KEY (job, position)
    ) WITHOUT ROWID
    """,
    # `seq` is the order of placing. `element` is -1 for none. `metered_ms` is when an attempt that
    # ran has ended, NULL before: only then has the meter anything to count.
    """
    CREATE TABLE attempts (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        job INTEGER NOT NULL,
        element INTEGER NOT NULL,
        tenant INTEGER NOT NULL,
        site TEXT NOT NULL,
        accelerator TEXT NOT NULL,
        cpu_milli INTEGER NOT NULL,
        accelerator_milli INTEGER NOT NULL,
        metered_ms INTEGER,
        duration_ms INTEGER NOT NULL,
        cost_microcny INTEGER NOT NULL,
        body TEXT NOT NULL
    )
    """,
    "CREATE INDEX attempts_by_element ON attempts (job, element)",
    "CREATE INDEX attempts_of_arrays ON attempts (job) WHERE element >= 0",
    # The meter reads this index alone, in the order of its groups.
    """
    CREATE INDEX attempts_usage ON attempts (
        tenant, site, accelerator, metered_ms,
        duration_ms, cpu_milli, accelerator_milli, cost_microcny
    ) WHERE metered_ms IS NOT NULL
    """,
    """
    CREATE TABLE elements (
        job INTEGER NOT NULL,
        element INTEGER NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (job, element)
    ) WITHOUT ROWID
    """,
    "CREATE TABLE tokens (digest TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",
    # The bodies are files beside the database; a file that is not named here does not count.
    """
    CREATE TABLE snapshots (
        position INTEGER PRIMARY KEY,
        file TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        sha256 TEXT NOT NULL
    )
    """,
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (VERSION_1,)
"""The steps from each version to the next; never change one that was released, append."""


class Insert(NamedTuple):
    """An INSERT of many rows in one statement. `width` counts the parameters of a row."""

    head: str
    width: int
    tail: str = ""

    def text(self, rows: int) -> str:
        """The statement for so many rows."""
        return _insert_text(self, rows)


@cache
def _insert_text(insert: Insert, rows: int) -> str:
    row = f"({', '.join('?' * insert.width)})"
    return f"{insert.head} VALUES {', '.join([row] * rows)} {insert.tail}"


ADD_ENTRIES = Insert("INSERT INTO journal (position, entry)", 2)
ADD_TENANTS = Insert("INSERT INTO tenants (id, name)", 2)
ADD_STORY = Insert("INSERT INTO story (job, position)", 2)
PUT_JOBS = Insert(
    "INSERT INTO jobs (number, tenant, state, name, site, key, accepted, body)",
    8,
    """
    ON CONFLICT (number) DO UPDATE
    SET state = excluded.state, site = excluded.site, body = excluded.body
    """,
)
PUT_ATTEMPTS = Insert(
    """
    INSERT INTO attempts (
        id, job, element, tenant, site, accelerator, cpu_milli, accelerator_milli,
        metered_ms, duration_ms, cost_microcny, body
    )
    """,
    12,
    """
    ON CONFLICT (id) DO UPDATE SET
        metered_ms = excluded.metered_ms, duration_ms = excluded.duration_ms,
        cost_microcny = excluded.cost_microcny, body = excluded.body
    """,
)
PUT_ELEMENTS = Insert(
    "INSERT INTO elements (job, element, body)",
    3,
    "ON CONFLICT (job, element) DO UPDATE SET body = excluded.body",
)
PUT_TOKEN = """
    INSERT INTO tokens (digest, body) VALUES (?, ?)
    ON CONFLICT (digest) DO UPDATE SET body = excluded.body
"""
PUT_SNAPSHOT = """
    INSERT INTO snapshots (position, file, bytes, sha256) VALUES (?, ?, ?, ?)
    ON CONFLICT (position) DO UPDATE
    SET file = excluded.file, bytes = excluded.bytes, sha256 = excluded.sha256
"""
DROP_SNAPSHOTS = """
    DELETE FROM snapshots WHERE position NOT IN (
        SELECT position FROM snapshots ORDER BY position DESC LIMIT ?
    )
"""

NEXT_EPOCH = "UPDATE writer SET epoch = epoch + 1"
ADVANCE = "UPDATE writer SET position = ? WHERE epoch = ? AND position = ?"
WRITER = "SELECT epoch, position FROM writer"
LAST_POSITION = "SELECT coalesce(max(position), 0) FROM journal"
TENANTS = "SELECT json_group_object(name, id) FROM tenants"
SNAPSHOTS = "SELECT position, file, bytes, sha256 FROM snapshots ORDER BY position DESC"
TOKENS = "SELECT group_concat(body) FROM tokens"

ENTRIES = """
    SELECT group_concat(entry) FROM (
        SELECT entry FROM journal WHERE position > ? ORDER BY position LIMIT ?
    )
"""
SPEC = """
    SELECT entry FROM journal WHERE position = (SELECT accepted FROM jobs WHERE number = ?)
"""
STORY = """
    SELECT group_concat(entry), max(position) FROM (
        SELECT entry, position FROM journal WHERE position IN (
            SELECT accepted FROM jobs WHERE number = :job AND accepted > :after
            UNION SELECT position FROM story WHERE job = :job AND position > :after
            ORDER BY 1 LIMIT :limit
        ) ORDER BY position
    )
"""

JOB = "SELECT body FROM jobs WHERE number = ?"
ATTEMPT = "SELECT body FROM attempts WHERE id = ?"
ATTEMPT_SEQ = "SELECT seq FROM attempts WHERE id = ? AND job = ?"
COUNT_JOBS = """
    SELECT json_group_array(json_array(tenants.name, counted.state, counted.jobs)) FROM (
        SELECT tenant, state, count(*) AS jobs FROM jobs GROUP BY tenant, state
    ) AS counted JOIN tenants ON tenants.id = counted.tenant
"""
ATTEMPTS_OF_ELEMENT = """
    SELECT group_concat(body) FROM (
        SELECT body FROM attempts WHERE job = ? AND element = ? AND seq > ? ORDER BY seq LIMIT ?
    )
"""
ATTEMPTS_OF_ARRAY = """
    SELECT group_concat(body) FROM (
        SELECT body FROM attempts WHERE job = ? AND element >= 0 AND seq > ? ORDER BY seq LIMIT ?
    )
"""
ELEMENTS = """
    SELECT group_concat(body) FROM (
        SELECT body FROM elements WHERE job = ? AND element > ? ORDER BY element LIMIT ?
    )
"""

# Products of milli-units and milliseconds outgrow 64 bits when summed over a year of a big hub, so
# the duration is split at 16 bits and Python puts the two sums together.
USAGE = """
    SELECT json_group_array(json_array(
        name, site, accelerator, attempts, duration, cpu_high, cpu_low, chip_high, chip_low, cost
    )) FROM (
        SELECT tenants.name AS name, site, accelerator, count(*) AS attempts,
            sum(duration_ms) AS duration,
            sum(cpu_milli * (duration_ms >> 16)) AS cpu_high,
            sum(cpu_milli * (duration_ms & 65535)) AS cpu_low,
            sum(accelerator_milli * (duration_ms >> 16)) AS chip_high,
            sum(accelerator_milli * (duration_ms & 65535)) AS chip_low,
            sum(cost_microcny) AS cost
        FROM tenants CROSS JOIN attempts INDEXED BY attempts_usage ON tenant = tenants.id
        WHERE (:tenant IS NULL OR name = :tenant
                OR (name >= :tenant || '/' AND name < :tenant || '0'))
            AND metered_ms >= :since AND metered_ms < :until
        GROUP BY tenants.id, site, accelerator
    )
"""

# Listings take numbers from lanes, each a range of one index sorted by age, and merge them; so the
# work is the page's, not the table's.
TENANTS_BELOW = """
    SELECT json_group_array(id) FROM tenants
    WHERE name = :tenant OR (name >= :tenant || '/' AND name < :tenant || '0')
"""
LANE_TENANT = """SELECT number FROM (
    SELECT number FROM jobs INDEXED BY jobs_by_tenant
    WHERE tenant = ? AND state = ? AND number < ? ORDER BY number DESC LIMIT ?)"""
LANE_STATE = """SELECT number FROM (
    SELECT number FROM jobs INDEXED BY jobs_by_state
    WHERE state = ? AND number < ? ORDER BY number DESC LIMIT ?)"""
_WANTED = """
    AND (:site IS NULL OR site = :site)
    AND (:states IS NULL OR state IN (SELECT value FROM json_each(:states)))
    AND (:tenants IS NULL OR tenant IN (SELECT value FROM json_each(:tenants)))
    AND number < :before ORDER BY number DESC LIMIT :limit
"""
# The texts put together below are this module's own; what users send comes as parameters only.
NUMBERS_BY_NAME = f"""
    SELECT json_group_array(number) FROM (
        SELECT number FROM jobs INDEXED BY jobs_by_name
        WHERE name = :name {_WANTED})
"""  # noqa: S608
NUMBERS_BY_SITE = f"""
    SELECT json_group_array(number) FROM (
        SELECT number FROM jobs INDEXED BY jobs_by_site
        WHERE site = :site AND site <> '' {_WANTED})
"""  # noqa: S608
NUMBERS_BY_AGE = f"""
    SELECT json_group_array(number) FROM (SELECT number FROM jobs WHERE 1 {_WANTED})
"""  # noqa: S608


def numbers_of(lanes: list[str]) -> str:
    """The statement for the newest numbers of several lanes; its last parameter is the limit."""
    union = " UNION ALL ".join(lanes)
    return f"SELECT json_group_array(number) FROM ({union} ORDER BY number DESC LIMIT ?)"  # noqa: S608


JOBS = "SELECT group_concat(body) FROM jobs WHERE number IN (SELECT value FROM json_each(?))"
JOBS_BY_KEYS = """
    WITH wanted (tenant, key) AS (
        SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)
    )
    SELECT group_concat(jobs.body) FROM wanted
    JOIN tenants ON tenants.name = wanted.tenant
    JOIN jobs INDEXED BY jobs_by_key
        ON jobs.tenant = tenants.id AND jobs.key = wanted.key AND jobs.key <> ''
"""
