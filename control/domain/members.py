"""Who may do what with a billing account, and its projects."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from warehouse.errors import InputError

# One @ with something on both sides and a dot in the domain: whether mail arrives only a mail can tell.
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


class Role(StrEnum):
    """What a member may do. Each role may do what the next one may."""

    OWNER = "owner"  # closes the account, names owners
    BILLING_ADMIN = "billing_admin"  # cards, contacts, members but owners
    VIEWER = "viewer"  # sees invoices and costs


class ContactPurpose(StrEnum):
    """What a contact is written to about."""

    BILLING = "billing"
    TECHNICAL = "technical"
    LEGAL = "legal"


@dataclass(frozen=True, kw_only=True)
class Member:
    """A person with a role in an account."""

    account_id: str
    email: str
    role: Role
    added_by: str
    added_at: datetime


@dataclass(frozen=True, kw_only=True)
class Contact:
    """Whom to write to."""

    email: str
    name: str
    purpose: ContactPurpose


@dataclass(frozen=True, kw_only=True)
class Project:
    """A part of an account that usage is told apart by."""

    project_id: str
    account_id: str
    name: str
    created_at: datetime


def checked_email(text: str) -> str:
    """An address in lower case, so that a person is one member however it is typed.

    Raises:
        InputError: it has no form of one.
    """
    if not _EMAIL.fullmatch(text.strip()):
        raise InputError(f"{text!r} is no email address such as ada@example.com")
    return text.strip().lower()
