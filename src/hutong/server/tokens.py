"""Who may call: bearer tokens, the four scopes, and what each scope reaches.

A token's secret has 256 random bits, so nobody can guess it from its digest and a plain SHA-256 is
as safe at rest as a slow password hash, at a microsecond instead of a quarter of a second for
every request. A secret is found by its digest in a dictionary: what the time of that look-up tells
is about a digest that the caller cannot steer. Secrets are kept nowhere.

This process is the only writer of the store, so its book of tokens is always right, and a token
that is revoked here is refused from that moment on.
"""

import hashlib
import re
import secrets
from enum import StrEnum

import msgspec

from hutong.model import limits
from hutong.model.errors import HutongError, refuse
from hutong.model.ids import is_name, is_tenant
from hutong.store.contract import TokenRow
from hutong.wire.api import TokenRequest, TokenView

_ID_CHARS = 16
_SECRET = re.compile(r"hut_[A-Za-z0-9_-]{43}")
LOCAL_TOKEN = "local"
"""The name of the admin token in the data folder's `client.json`."""


class Scope(StrEnum):
    """What a token is for. `ANYBODY` is a request without one."""

    ADMIN = "admin"
    OPERATOR = "operator"
    MEMBER = "member"
    AGENT = "agent"
    ANYBODY = "anybody"


class Principal(msgspec.Struct, frozen=True):
    """Who calls. `subject` is the site of an operator or agent, the tenant of a member."""

    scope: Scope
    subject: str = ""
    name: str = ""

    @property
    def tenant(self) -> str | None:
        """The subtree that a member sees; None for those who see all."""
        return self.subject if self.scope is Scope.MEMBER else None

    def sees(self, tenant: str) -> bool:
        """Say whether a tenant is one of the caller's."""
        return self.scope is not Scope.MEMBER or is_within(tenant, self.subject)

    def forbidden(self, action: str, wanted: str) -> HutongError:
        """The refusal of something that the caller's token is not for."""
        scope = f"{self.scope.value} of {self.subject}" if self.subject else self.scope.value
        return refuse("auth.forbidden", scope=scope, action=action, wanted=wanted)


NOBODY = Principal(Scope.ANYBODY)


def is_within(tenant: str, top: str) -> bool:
    """Say whether a tenant is `top` or below it."""
    return tenant == top or tenant.startswith(f"{top}/")


class TokenBook:
    """The tokens of one hub, by digest and by id."""

    def __init__(self, rows: list[TokenRow]) -> None:
        self._by_digest: dict[str, TokenRow] = {}
        self._by_id: dict[str, str] = {}
        for row in rows:
            self.put(row)

    def put(self, row: TokenRow) -> None:
        """Take in a row that is in the store."""
        self._by_digest[row.digest] = row
        self._by_id[token_id(row)] = row.digest

    def rows(self) -> list[TokenRow]:
        """All tokens, in the order they were made."""
        return sorted(self._by_digest.values(), key=lambda row: (row.created_ms, row.digest))

    def by_id(self, name: str) -> TokenRow:
        """The token of an id. Raises `token.not_found`."""
        digest = self._by_id.get(name)
        if digest is None:
            raise refuse("token.not_found", token=name)
        return self._by_digest[digest]

    def usable(self, secret: str, now_ms: int) -> TokenRow | None:
        """The token of a secret, unless it is revoked or has expired."""
        if _SECRET.fullmatch(secret) is None:
            return None
        row = self._by_digest.get(digest_of(secret))
        if row is None or row.revoked_ms or 0 < row.expires_ms <= now_ms:
            return None
        return row

    def identify(self, authorization: str | None, now_ms: int) -> Principal:
        """Who sends this `Authorization` header. Raises `auth.missing`, `auth.unknown`."""
        if not authorization:
            raise refuse("auth.missing")
        kind, _, secret = authorization.partition(" ")
        if kind.lower() != "bearer":
            raise refuse("auth.missing")
        row = self.usable(secret.strip(), now_ms)
        if row is None:
            raise refuse("auth.unknown")
        return Principal(Scope(row.scope), row.subject, row.name)


def new_secret() -> str:
    """Draw a secret of 256 bits."""
    return f"hut_{secrets.token_urlsafe(32)}"


def digest_of(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def token_id(row: TokenRow) -> str:
    """The name of a token that may be shown to anybody."""
    return row.digest[:_ID_CHARS]


def make_row(request: TokenRequest, secret: str, now_ms: int) -> TokenRow:
    """Check a request for a token and give its row. Raises `token.invalid`."""
    if not 0 < len(request.name) <= limits.NAME_CHARS or not request.name.isprintable():
        problem = f"its name is not one line of 1 to {limits.NAME_CHARS} characters"
        raise refuse("token.invalid", problem=problem, advice="Say what it is for.")
    match request.scope:
        case Scope.ADMIN:
            good, wanted = not request.subject, "an admin has no subject"
        case Scope.OPERATOR | Scope.AGENT:
            good, wanted = is_name(request.subject), "the subject is not the name of a site"
        case Scope.MEMBER:
            good, wanted = is_tenant(request.subject), "the subject is not the path of a tenant"
        case _:
            good, wanted = False, f"there is no scope `{request.scope}`"
    if not good:
        advice = (
            "`admin` has no subject; `operator` and `agent` have a site, `member` has a tenant."
        )
        raise refuse("token.invalid", problem=wanted, advice=advice)
    if not 0 <= request.ttl_ms <= limits.UNIX_TIME_MS:
        raise refuse(
            "token.invalid", problem="its time to live is below 0 or beyond all bounds",
            advice="0 is for ever.",
        )  # fmt: skip
    expires_ms = now_ms + request.ttl_ms if request.ttl_ms else 0
    return TokenRow(
        digest_of(secret), request.name, request.scope, request.subject, now_ms, 0, expires_ms
    )


def token_view(row: TokenRow, secret: str = "") -> TokenView:
    """A token as the API shows it."""
    return TokenView(
        token_id(row), row.name, row.scope, row.subject, row.created_ms, row.revoked_ms,
        row.expires_ms, secret,
    )  # fmt: skip
