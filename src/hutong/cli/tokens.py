"""`hutong token`."""

from typing import Annotated, Literal

from cyclopts import App, Parameter

from hutong.cli import human, output
from hutong.cli.moments import duration
from hutong.cli.options import ANY_HUB, Hub, Json
from hutong.cli.table import Cell, Column
from hutong.model.errors import refuse
from hutong.wire.api import TokenRequest

token = App(name="token", help="Make, list and revoke tokens.", version_flags=())


@token.command
def create(
    name: str,
    /,
    *,
    scope: Annotated[Literal["admin", "operator", "member", "agent"], Parameter()],
    subject: str = "",
    ttl: str = "",
    json: Json = False,
    hub: Hub = ANY_HUB,
) -> int:
    """Make a token.

    Its secret is printed on standard output, once and never again.

    Parameters
    ----------
    name
        What it is for, to know it by in the list.
    scope
        `admin` may all; `operator` drains its site; `member` hands in jobs of its tenant; `agent`
        speaks for its site.
    subject
        The site of an operator or agent, the tenant of a member.
    ttl
        How long it is good for, such as `30d`. Else until it is revoked.
    """
    if bool(subject) == (scope == "admin"):
        problem = (
            "--scope admin has no --subject"
            if subject
            else f"--scope {scope} needs --subject with its {_subject_of(scope)}"
        )
        raise refuse("cli.usage", problem=problem, command="token create")
    ttl_ms = duration("--ttl", ttl, "token create") if ttl else 0
    with hub.connect() as client:
        made = client.create_token(TokenRequest(name, scope, subject, ttl_ms))
    if json:
        output.document(made)
        return 0
    output.line(made.secret)
    output.note(f"This is the secret of {made.id}; it is not shown again.")
    return 0


@token.command(name="list")
def list_(*, json: Json = False, hub: Hub = ANY_HUB) -> int:
    """List tokens, without their secrets."""
    with hub.connect() as client:
        found = client.tokens()
    if json:
        output.document(found)
        return 0
    now = human.now_ms()
    columns = [
        Column("ID"),
        Column("NAME", least=8),
        Column("SCOPE"),
        Column("SUBJECT", least=8),
        Column("MADE"),
        Column("STATE"),
    ]
    rows: list[list[str | Cell]] = [
        [
            Cell(item.id, "bold"),
            item.name,
            item.scope,
            item.subject or "-",
            human.clock(item.created_ms, now),
            _state(item.revoked_ms, item.expires_ms, now),
        ]
        for item in found
    ]
    output.table(columns, rows)
    return 0


@token.command
def revoke(token_id: str, /, *, json: Json = False, hub: Hub = ANY_HUB) -> int:
    """End a token, at once and for good.

    Parameters
    ----------
    token_id
        Its id, as `hutong token list` shows it.
    """
    with hub.connect() as client:
        view = client.revoke_token(token_id)
    if json:
        output.document(view)
    else:
        output.line(f"{output.paint(view.id, 'bold')}  revoked")
    return 0


def _state(revoked_ms: int, expires_ms: int, now: int) -> Cell:
    if revoked_ms:
        return Cell("revoked", "dim")
    if not expires_ms:
        return Cell("valid", "green")
    if expires_ms <= now:
        return Cell("expired", "dim")
    return Cell(f"{human.duration(expires_ms - now)} left", "green")


def _subject_of(scope: str) -> str:
    return "tenant" if scope == "member" else "site"
