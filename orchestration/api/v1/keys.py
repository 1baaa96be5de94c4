"""`/v1/api-keys` and `/v1/audit-log`: who may use the API, and who changed what through it."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import Path, Query

from control.services import api_keys
from control.services.audit import list_audit
from orchestration.api.v1.gate import Call, CallOf, Resource
from orchestration.api.v1.paging import Page, PagingOf, instant_of
from orchestration.api.v1.problems import NotFoundError
from orchestration.api.v1.schemas.access import AuditRecord, Key, KeyWithSecret, NewKey, Rotation
from orchestration.api.v1.schemas.fields import instant_text
from warehouse.errors import InputError, RefusedError

router = Resource("access")

KeyId = Annotated[str, Path(description="As the list shows it.")]


@router.reads("/api-keys", scope="keys:admin", staff_only=True)
def list_keys(call: CallOf, paging: PagingOf) -> Page[Key]:
    """All keys, revoked ones included, oldest first."""
    question = ["keys"]
    after = paging.after(question, width=2) or ["", ""]
    placed = [([instant_text(key.created_at), key.key_id], Key.of(key)) for key in api_keys.list_keys(call.control)]
    left = [(place, item) for place, item in placed if place > after]
    return Page(**paging.page([item for _, item in left], [place for place, _ in left], question))


@router.writes("POST", "/api-keys", scope="keys:admin", staff_only=True, status_code=201, shown_once="key")
def create_key(call: CallOf, body: NewKey) -> KeyWithSecret:
    """Make a key with scopes that this one has too. Its text is shown this once."""
    beyond = sorted(set(body.scopes) - set(call.grant.scopes))
    if beyond:
        raise RefusedError(f"this key does not have {', '.join(beyond)} itself")
    call.about(body.account_id or "")
    made = api_keys.create_key(call.control, body.name, scopes=body.scopes, now=call.now, account_id=body.account_id or "")
    return KeyWithSecret.with_secret(*made)


@router.reads("/api-keys/{key_id}", scope="keys:admin", staff_only=True)
def show_key(call: CallOf, key_id: KeyId) -> Key:
    """One key."""
    _check_known(call, key_id)
    return Key.of(api_keys.find_key(call.control, key_id))


@router.writes("POST", "/api-keys/{key_id}/rotate", scope="keys:admin", staff_only=True, shown_once="key")
def rotate_key(call: CallOf, key_id: KeyId, body: Rotation) -> KeyWithSecret:
    """Give a key a new secret. The old one stays good for a while; the one before it no longer."""
    _check_known(call, key_id)
    _check_no_stronger(call, key_id)
    grace = timedelta(seconds=body.grace_seconds)
    return KeyWithSecret.with_secret(*api_keys.rotate_key(call.control, key_id, now=call.now, grace=grace))


@router.writes("DELETE", "/api-keys/{key_id}", scope="keys:admin", staff_only=True)
def revoke_key(call: CallOf, key_id: KeyId) -> Key:
    """End a key and all access tokens made from it, at once; the door for events follows within seconds."""
    _check_known(call, key_id)
    return Key.of(api_keys.revoke_key(call.control, key_id, now=call.now))


@router.reads("/audit-log", scope="audit:read")
def list_audit_log(
    call: CallOf, paging: PagingOf, account_id: Annotated[str | None, Query(description="Only what is about this account.")] = None
) -> Page[AuditRecord]:
    """Requests to change something, the latest first."""
    question = ["audit", account_id]
    after = instant_of(paging.after(question, width=2))
    found = list_audit(call.control, account_id=account_id or call.grant.account_id, after=after, limit=paging.limit + 1)
    places = [[instant_text(each.asked_at), each.request_id] for each in found]
    return Page(**paging.page([AuditRecord.of(each) for each in found], places, question))


def _check_known(call: Call, key_id: str) -> None:
    try:
        found = api_keys.find_key(call.control, key_id)
    except InputError:
        raise NotFoundError("such key") from None
    call.about(found.account_id)


def _check_no_stronger(call: Call, key_id: str) -> None:
    """Who gets the new secret of a key could do all that it may."""
    beyond = sorted(set(api_keys.find_key(call.control, key_id).scopes) - set(call.grant.scopes))
    if beyond:
        raise RefusedError(f"this key does not have {', '.join(beyond)} itself")
