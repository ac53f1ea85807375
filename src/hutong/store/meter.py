"""What the meter counts of an attempt, and whose it is."""

from hutong.lifecycle.rows import AttemptRow
from hutong.model.ids import TenantId
from hutong.model.states import FINAL_ATTEMPT_STATES


def metered_duration_ms(row: AttemptRow) -> int:
    """How long an attempt ran as far as the meter goes: 0 while it lives or if it never started."""
    if row.state not in FINAL_ATTEMPT_STATES or not row.started_ms:
        return 0
    return max(0, row.ended_ms - row.started_ms)


def is_below(tenant: TenantId, top: TenantId | None) -> bool:
    """Say whether `tenant` is `top` or stands below it; everything is below None."""
    return top is None or tenant == top or tenant.startswith(f"{top}/")
