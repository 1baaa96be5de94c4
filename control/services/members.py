"""Members, contacts and projects of an account. An account that has members always has an owner."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

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
        if any(member.email == address for member in known):
            mine = update(members).where(members.c.account_id == account_id, members.c.email == address)
            connection.execute(mine.values(role=role.value))
        else:
            row = {"account_id": account_id, "email": address, "role": role.value, "added_by": actor, "added_at": now}
            connection.execute(insert(members), row)
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
        connection.execute(delete(members).where(members.c.account_id == account_id, members.c.email == address))

    control.store.transact(work)


def list_members(control: Control, account_id: str) -> list[Member]:
    """The members of an account by address.

    Raises:
        InputError: no such account.
    """
    with control.store.reading() as connection:
        load_account(connection, account_id)
        return _members(connection, account_id)


def set_contact(connection: Connection, account_id: str, contact: Contact) -> None:
    """Add a contact, or change one."""
    address = checked_email(contact.email)
    mine = (account_contacts.c.account_id == account_id, account_contacts.c.email == address)
    connection.execute(delete(account_contacts).where(*mine))
    row = {"account_id": account_id, "email": address, "name": contact.name, "purpose": contact.purpose.value}
    connection.execute(insert(account_contacts), row)


def list_contacts(control: Control, account_id: str) -> list[Contact]:
    """The contacts of an account by address.

    Raises:
        InputError: no such account.
    """
    with control.store.reading() as connection:
        load_account(connection, account_id)
        rows = select(account_contacts).where(account_contacts.c.account_id == account_id).order_by(account_contacts.c.email)
        return [Contact(email=row.email, name=row.name, purpose=ContactPurpose(row.purpose)) for row in connection.execute(rows)]


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
            row = {"project_id": project_id, "account_id": account_id, "name": name or project_id, "created_at": now}
            connection.execute(insert(projects), row)
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


def _members(connection: Connection, account_id: str) -> list[Member]:
    rows = connection.execute(select(members).where(members.c.account_id == account_id).order_by(members.c.email))
    return [
        Member(account_id=row.account_id, email=row.email, role=Role(row.role), added_by=row.added_by, added_at=row.added_at)
        for row in rows
    ]


def _projects(connection: Connection, account_id: str) -> list[Project]:
    rows = connection.execute(select(projects).where(projects.c.account_id == account_id).order_by(projects.c.project_id))
    return [Project(project_id=row.project_id, account_id=row.account_id, name=row.name, created_at=row.created_at) for row in rows]
