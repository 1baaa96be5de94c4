"""Alembic migrations of the control store, run by migrate.py only. Never edit one that has been released; add the next."""
