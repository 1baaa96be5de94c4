"""The Great Expectations suite over raw and consumption: what must hold, and the process that looks.

suite.py says what to expect, runner.py asks Great Expectations, gate.py keeps that process. Money identities are tests of
the dbt project, beside the models they judge.
"""
