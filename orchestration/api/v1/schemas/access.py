"""API keys, access tokens and the audit log."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, WithJsonSchema

from control.domain.api_keys import SCOPES, ApiKey
from control.services.audit import AuditEntry
from orchestration.api.v1.schemas.fields import Identifier, Instant, Schema

Scope = Annotated[str, StringConstraints(pattern=f"^({'|'.join(SCOPES)})$"), WithJsonSchema({"type": "string", "enum": list(SCOPES)})]
KeyName = Annotated[str, StringConstraints(pattern="^[A-Za-z0-9][A-Za-z0-9 ._/-]{0,99}$")]


class Key(Schema):
    """An API key, without its secret."""

    key_id: str = Field(description="Also the client_id for access tokens.")
    name: str
    account_id: str = Field(description="The only account it reaches; empty: all.")
    scopes: list[str]
    created_at: Instant
    last_used_at: Instant | None = Field(description="Up to a minute behind.")
    previous_until: Instant | None = Field(description="Until when the secret before the last rotation is good.")
    revoked_at: Instant | None

    @classmethod
    def of(cls, key: ApiKey) -> Key:
        """As shown."""
        return cls(**{name: getattr(key, name) for name in Key.model_fields if name != "scopes"}, scopes=list(key.scopes))


class KeyWithSecret(Key):
    """An API key with its text, which is shown this once."""

    key: str = Field(description="Also the client_secret for access tokens.")

    @classmethod
    def with_secret(cls, key: ApiKey, token: str) -> KeyWithSecret:
        """As shown once."""
        return cls(**Key.of(key).model_dump(), key=token)


class NewKey(Schema):
    """A key to be made."""

    name: KeyName
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(SCOPES))]
    account_id: Identifier | None = Field(default=None, description="The only account it shall reach; all where not given.")


class Rotation(Schema):
    """How long the old secret stays good."""

    grace_seconds: Annotated[int, Field(ge=0, le=30 * 86_400)] = 86_400


class AccessToken(Schema):
    """A short-lived token (RFC 6749)."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int = Field(description="Seconds.")
    scope: str


class AuditRecord(Schema):
    """A request to change something, and how it ended."""

    request_id: str
    asked_at: Instant
    key_id: str
    key_name: str
    account_id: str
    action: str = Field(description="The operationId.")
    path: str
    idempotency_key: str
    outcome: Literal["committed", "refused", "failed"] = Field(description="`failed`: it changed nothing, and we are to blame.")
    status: int = Field(description="What the caller was answered; 0 where the server died before.")
    problem: str

    @classmethod
    def of(cls, entry: AuditEntry) -> AuditRecord:
        """As shown."""
        return cls(**vars(entry))
