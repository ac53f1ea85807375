"""Tenants as scenario files have them: a name, a weight, and what the quota says."""

from hutong.client.formats.nodes import Keys, Node
from hutong.client.formats.quota_words import changed, figure
from hutong.client.formats.words import cpu_milli, memory_mib
from hutong.model import limits
from hutong.model.ids import TenantId, is_tenant
from hutong.model.tenant import Quota, Tenant

WEIGHT_MOST = 1_000_000
FIGURES = ("guaranteed", "borrow", "limit")
TENANT_KEYS = Keys(("name", "weight", "quota", *FIGURES))
QUOTA_KEYS = Keys(("cpus", "memory", "accelerators", "running_jobs"))


def read_tenant(node: Node) -> Tenant:
    """Read a tenant. `guaranteed`, `borrow` and `limit` list rules (see `quota_words`).

    Raises `file.bad_value` with the line.
    """
    fields = node.fields(TENANT_KEYS)
    if "name" not in fields:
        raise node.bad("there is no `name`", "Give it a `name:`.")
    name = fields["name"]
    if not is_tenant(name.text()):
        raise name.bad("it is not a path of names", "Join one to eight names by `/`.")
    weight = fields["weight"].whole(1, WEIGHT_MOST) if "weight" in fields else 1
    quota = _quota(fields["quota"]) if "quota" in fields else Quota()
    figures = {
        key: [item.read(figure) for item in fields[key].items_or_one()]
        for key in FIGURES
        if key in fields
    }
    return Tenant(TenantId(name.text()), weight, changed(quota, figures) if figures else quota)


def _quota(node: Node) -> Quota:
    fields = node.fields(QUOTA_KEYS)
    running_jobs = fields.get("running_jobs")
    accelerators = fields.get("accelerators")
    return Quota(
        cpu_milli=fields["cpus"].read(cpu_milli) if "cpus" in fields else None,
        memory_mib=fields["memory"].read(memory_mib) if "memory" in fields else None,
        accelerator_milli=1_000 * accelerators.whole(0, 1_000_000) if accelerators else None,
        running_jobs=running_jobs.whole(0, limits.QUEUED_JOBS) if running_jobs else None,
    )
