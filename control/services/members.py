"""Members, contacts and projects of an account. An account that has members always has an owner.

Who is removed stays as a row that says so, with a revision of its own: the warehouse hears of it like of any change.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from control.bootstrap import Control
from control.domain.members import Contact, ContactPurpose, Member, Project, Role, checked_email
from control.services.customers import load_account
from control.store import revisions
from control.store.tables import account_contacts, members, projects
from warehouse.errors import InputError, RefusedError


def set_member(control: Control, account_id: str, email: str, role: Role, *, actor: str, now: datetime) -> Member:
    """Add a member, or give one another role.

    Raises:
        InputError: no such account, or no address.
        RefusedError: the first member is no owner, or the last owner would lose the role.
    """
    address = checked_email(email)

    def work(connection: Connection) -> Member:
        load_account(connection, account_id)
        revisions.take(connection, 0)  # two that take the last two owners away wait for each other
        known = _members(connection, account_id)
        if role is not Role.OWNER:
            _check_owner_left(account_id, known, address)
        if any((member.email, member.role) == (address, role) for member in known):
            return next(member for member in known if member.email == address)
        put_member(connection, account_id, address, role, actor=actor, now=now)
        return next(member for member in _members(connection, account_id) if member.email == address)

    return control.store.transact(work)


def remove_member(control: Control, account_id: str, email: str) -> None:
    """Take a member out.

    Raises:
        InputError: there is no such member.
        RefusedError: it is the last owner.
    """
    address = checked_email(email)

    def work(connection: Connection) -> None:
        revisions.take(connection, 0)
        known = _members(connection, account_id)
        if all(member.email != address for member in known):
            raise InputError(f"{address} is no member of account {account_id!r}")
        _check_owner_left(account_id, known, address)
        (revision,) = revisions.take(connection, 1)
        mine = update(members).where(members.c.account_id == account_id, members.c.email == address)
        connection.execute(mine.values(is_removed=True, revision=revision))

    control.store.transact(work)


def list_members(control: Control, account_id: str) -> list[Member]:
    """The members of an account by address.

    Raises:
        InputError: no such account.
    """
    with control.store.reading() as connection:
        load_account(connection, account_id)
        return _members(connection, account_id)


def put_member(connection: Connection, account_id: str, email: str, role: Role, *, actor: str, now: datetime) -> None:
    """Write a member down, or their new role. Who adds somebody again is the one who added them."""
    (revision,) = revisions.take(connection, 1)
    mine = (members.c.account_id == account_id, members.c.email == email)
    added = {"added_by": actor, "added_at": now}
    known = connection.execute(select(members.c.is_removed).where(*mine)).one_or_none()
    values: dict[str, Any] = {"role": role.value, "is_removed": False, "revision": revision}
    if known is None:
        connection.execute(insert(members), {"account_id": account_id, "email": email} | values | added)
    else:
        connection.execute(update(members).where(*mine).values(**values, **(added if known.is_removed else {})))


def set_contact(control: Control, account_id: str, contact: Contact) -> Contact:
    """Add a contact, or change one. Repeating it changes nothing.

    Raises:
        InputError: no such account, or no address.
    """
    wanted = replace(contact, email=checked_email(contact.email))

    def work(connection: Connection) -> Contact:
        load_account(connection, account_id)
        if wanted not in _contacts(connection, account_id):
            put_contact(connection, account_id, wanted)
        return wanted

    return control.store.transact(work)


def remove_contact(control: Control, account_id: str, email: str) -> None:
    """Write to an address no more.

    Raises:
        InputError: there is no such contact.
    """
    address = checked_email(email)

    def work(connection: Connection) -> None:
        (revision,) = revisions.take(connection, 1)
        if all(contact.email != address for contact in _contacts(connection, account_id)):
            raise InputError(f"{address} is no contact of account {account_id!r}; `meterhouse account contacts {account_id}` names them")
        mine = update(account_contacts).where(account_contacts.c.account_id == account_id, account_contacts.c.email == address)
        connection.execute(mine.values(is_removed=True, revision=revision))

    control.store.transact(work)


def put_contact(connection: Connection, account_id: str, contact: Contact) -> None:
    """Write a contact down as it is now."""
    (revision,) = revisions.take(connection, 1)
    address = checked_email(contact.email)
    mine = (account_contacts.c.account_id == account_id, account_contacts.c.email == address)
    values = {"name": contact.name, "purpose": contact.purpose.value, "is_removed": False, "revision": revision}
    if connection.execute(update(account_contacts).where(*mine).values(**values)).rowcount == 0:
        connection.execute(insert(account_contacts), {"account_id": account_id, "email": address} | values)


def list_contacts(control: Control, account_id: str) -> list[Contact]:
    """The contacts of an account by address.

    Raises:
        InputError: no such account.
    """
    with control.store.reading() as connection:
        load_account(connection, account_id)
        return _contacts(connection, account_id)


def create_project(control: Control, account_id: str, project_id: str, *, name: str, now: datetime) -> Project:
    """Make a project. One that the account has already stays as it is.

    Raises:
        InputError: no such account.
        RefusedError: another account has it.
    """

    def work(connection: Connection) -> Project:
        load_account(connection, account_id)
        found = connection.execute(select(projects).where(projects.c.project_id == project_id)).one_or_none()
        if found is not None and found.account_id != account_id:
            raise RefusedError(f"project {project_id} belongs to another account; choose another id")
        if found is None:
            (revision,) = revisions.take(connection, 1)
            row = {"project_id": project_id, "account_id": account_id, "name": name or project_id, "created_at": now}
            connection.execute(insert(projects), row | {"revision": revision})
        return next(project for project in _projects(connection, account_id) if project.project_id == project_id)

    return control.store.transact(work)


def list_projects(control: Control, account_id: str) -> list[Project]:
    """The projects of an account by id.

    Raises:
        InputError: no such account.
    """
    with control.store.reading() as connection:
        load_account(connection, account_id)
        return _projects(connection, account_id)


def _check_owner_left(account_id: str, known: list[Member], leaving: str) -> None:
    if not any(member.role is Role.OWNER and member.email != leaving for member in known):
        raise RefusedError(f"account {account_id} would be left without an owner; make somebody else owner first")


def _contacts(connection: Connection, account_id: str) -> list[Contact]:
    mine = select(account_contacts).where(account_contacts.c.account_id == account_id, account_contacts.c.is_removed.is_(False))
    rows = connection.execute(mine.order_by(account_contacts.c.email))
    return [Contact(email=row.email, name=row.name, purpose=ContactPurpose(row.purpose)) for row in rows]


def _members(connection: Connection, account_id: str) -> list[Member]:
    mine = select(members).where(members.c.account_id == account_id, members.c.is_removed.is_(False))
    rows = connection.execute(mine.order_by(members.c.email))
    return [
        Member(account_id=row.account_id, email=row.email, role=Role(row.role), added_by=row.added_by, added_at=row.added_at)
        for row in rows
    ]


def _projects(connection: Connection, account_id: str) -> list[Project]:
    rows = connection.execute(select(projects).where(projects.c.account_id == account_id).order_by(projects.c.project_id))
    return [Project(project_id=row.project_id, account_id=row.account_id, name=row.name, created_at=row.created_at) for row in rows]
