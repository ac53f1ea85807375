"""Rows as the parameters of their INSERT statements, one flat list a table."""

from collections.abc import Callable, Iterable
from itertools import chain

from hutong.lifecycle.events import Entry, JobAccepted
from hutong.lifecycle.rows import AttemptRow, ElementRow, JobRow
from hutong.model.attempt import held_by
from hutong.model.ids import TenantId, job_number
from hutong.store.codec import encoded
from hutong.store.meter import metered_duration_ms
from hutong.store.story import jobs_of

Value = str | int | None
TenantNumber = Callable[[TenantId], int]


def entry_values(entries: Iterable[Entry]) -> list[Value]:
    """position, entry"""
    return list(chain.from_iterable((entry.position, encoded(entry)) for entry in entries))


def story_values(entries: Iterable[Entry]) -> list[Value]:
    """job, position; acceptances stand in the jobs table"""
    return list(
        chain.from_iterable(
            (job_number(job), entry.position)
            for entry in entries
            if not isinstance(entry.event, JobAccepted)
            for job in jobs_of(entry.event)
        )
    )


def job_values(rows: Iterable[JobRow], number_of: TenantNumber) -> list[Value]:
    """number, tenant, state, name, site, key, accepted, body"""
    values: list[Value] = []
    for row in rows:
        values += (
            row.number,
            number_of(row.tenant),
            row.state.value,
            row.name,
            row.site,
            row.key,
            row.accepted_position,
            encoded(row),
        )
    return values


def attempt_values(rows: Iterable[AttemptRow], number_of: TenantNumber) -> list[Value]:
    """id, job, element, tenant, site, accelerator, cpu_milli, accelerator_milli, metered_ms,
    duration_ms, cost_microcny, body"""
    values: list[Value] = []
    for row in rows:
        duration_ms = metered_duration_ms(row)
        held = held_by(row.nodes, row.needs, row.groups)
        values += (
            row.id,
            job_number(row.job),
            -1 if row.element is None else row.element,
            number_of(row.tenant),
            row.site,
            row.accelerator,
            held.cpu_milli,
            held.accelerator_milli,
            row.ended_ms if duration_ms else None,
            duration_ms,
            row.cost_microcny if duration_ms else 0,
            encoded(row),
        )
    return values


def element_values(rows: Iterable[ElementRow]) -> list[Value]:
    """job, element, body"""
    return list(
        chain.from_iterable((job_number(row.job), row.element, encoded(row)) for row in rows)
    )
