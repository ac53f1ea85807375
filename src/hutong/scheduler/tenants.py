"""Tenants as the scheduler sees them: the tree with its accounts, and a cycle's view of them."""

from hutong.scheduler.ledger import Ledger
from hutong.scheduler.tenant_tree import Entity, Line, Tenants

__all__ = ["Entity", "Ledger", "Line", "Tenants"]
