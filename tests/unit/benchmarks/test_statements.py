"""Statements of a command are told apart, added up, and never made to look like more time than there was."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.statements import CommandRun, Statement, details, read_statements, write_statements


def statement(text: str = "SELECT 1", *, started: float = 0.0, ended: float = 1.0, read_rows: int = 0) -> Statement:
    return Statement(text=text, started=started, ended=ended, read_rows=read_rows, read_bytes=0, written_rows=0)


def run(*statements: Statement, seconds: float = 10.0) -> CommandRun:
    return CommandRun(name="run", seconds=seconds, output="", statements=statements)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ('/* {"app": "dbt", "node_id": "model.meterhouse.charges_daily"} */ insert into rating.x select 1', "charges_daily"),
        ('/* {"app": "dbt", "node_id": "test.meterhouse.lines_add_up_the_days"} */ select 1', "lines_add_up_the_days"),
        ("INSERT INTO raw.incoming_counting_0123456789ab (a)\n  SELECT 1", "INSERT INTO raw.incoming_counting (a) SELECT 1"),
        ('1af \x04"M\x18INSERT INTO ops.ticks (`tick_id`)', "INSERT INTO ops.ticks (`tick_id`)"),
    ],
)
def test_a_statement_is_known_by_its_node_or_by_how_it_begins(text: str, label: str) -> None:
    assert statement(text).label == label


def test_time_in_which_several_statements_ran_counts_once() -> None:
    busy = run(statement(started=1, ended=4), statement(started=2, ended=3), statement(started=3.5, ended=6), statement(started=8, ended=9))
    assert busy.busy_seconds == 6


def test_details_add_up_calls_of_one_kind_and_split_the_wall_time() -> None:
    rows = details([run(statement("SELECT 1", read_rows=3), statement("SELECT 1", started=1, ended=3, read_rows=4), statement("SELECT 2"))])
    assert [(row["statement"], row["calls"], row["seconds"], row["read_rows"]) for row in rows[2:]] == [
        ("SELECT 1", 2, "3.000", 7),
        ("SELECT 2", 1, "1.000", 0),
    ]
    assert sum(float(str(row["seconds"])) for row in rows[:2]) == 10


def test_statements_that_took_no_time_share_a_line() -> None:
    rows = details([run(*(statement(f"SELECT {number}", ended=0.001, read_rows=1) for number in range(5)))])
    assert [(row["statement"], row["calls"], row["read_rows"]) for row in rows[2:]] == [("(all others)", 5, 5)]


def test_statements_survive_the_way_between_two_processes(tmp_path: Path) -> None:
    sent = (statement("SELECT 'ä\n'", read_rows=7), statement())
    write_statements(sent, tmp_path / "statements.json")
    assert read_statements(tmp_path / "statements.json") == sent
