"""How events of the hub, its tenants and its sites are folded in."""

from hutong.lifecycle import events as ev
from hutong.lifecycle import offers
from hutong.lifecycle.ground import Ground
from hutong.lifecycle.records import SiteRecord
from hutong.model.ids import split_node
from hutong.model.limits import LEASE_TTL_MS


def hub_created(ground: Ground, event: ev.HubCreated, entry: ev.Entry) -> None:
    """The store has a hub."""
    ground.state.hub = event.hub


def hub_started(ground: Ground, event: ev.HubStarted, entry: ev.Entry) -> None:
    """Take every lease as renewed just now; no session is known."""
    for record in ground.state.sites.values():
        record.heard_ms = entry.at_ms
        record.lease_until_ms = entry.at_ms + LEASE_TTL_MS
        record.session, record.number = "", 0
    ground.state.started_at = entry.position


def tenant_changed(ground: Ground, event: ev.TenantChanged, entry: ev.Entry) -> None:
    """Put a tenant into the tree."""
    ground.state.tenants[event.tenant.id] = event.tenant
    ground.state.tenants_changed[event.tenant.id] = ground.state.next_token
    ground.scheduler.put_tenant(event.tenant)


def site_described(ground: Ground, event: ev.SiteDescribed, entry: ev.Entry) -> None:
    """A site joins, silent until its inventory was heard, or is described anew."""
    record = ground.state.sites.get(event.site.id)
    if record is None:
        record = SiteRecord(event.site)
        ground.state.sites[event.site.id] = record
    else:
        record.site = event.site
    ground.scheduler.put_site(event.site)
    ground.show_status(record)


def inventory_changed(ground: Ground, event: ev.InventoryChanged, entry: ev.Entry) -> None:
    """Replace a site's pools and nodes."""
    record = ground.state.sites[event.site]
    record.inventory = event.inventory
    ground.scheduler.put_inventory(event.site, event.inventory)
    for node in record.drained_nodes:
        ground.show_node(record, node)
    offers.inventory_seen(ground, record, entry.at_ms)


def site_drained(ground: Ground, event: ev.SiteDrained, entry: ev.Entry) -> None:
    """Open or close a site for new work."""
    record = ground.state.sites[event.site]
    record.draining = event.draining
    ground.show_status(record)


def node_drained(ground: Ground, event: ev.NodeDrained, entry: ev.Entry) -> None:
    """Open or close a node for new work."""
    record = ground.state.sites[split_node(event.node)[0]]
    if event.draining:
        record.drained_nodes[event.node] = True
    else:
        record.drained_nodes.pop(event.node, None)
    ground.show_node(record, event.node)


def site_silent(ground: Ground, event: ev.SiteSilent, entry: ev.Entry) -> None:
    """Close a site that is not heard."""
    record = ground.state.sites[event.site]
    record.silent = True
    ground.show_status(record)


def site_returned(ground: Ground, event: ev.SiteReturned, entry: ev.Entry) -> None:
    """Open a site that is heard."""
    record = ground.state.sites[event.site]
    record.silent = False
    ground.show_status(record)
