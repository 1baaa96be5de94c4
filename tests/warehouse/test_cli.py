"""The command line on the real engine: one home, told from an empty folder to a closed month."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from tests import focus_rules
from tests.command_line import Home, fingerprints

EVENTS = 3000
PERIOD = "2026-01"


@dataclass(frozen=True)
class Story:
    """What each command printed, in order, and the tables before and after what must change nothing."""

    home: Home
    generated: dict[str, Any]
    applied: list[dict[str, Any]]
    ingested: list[list[dict[str, Any]]]
    first_run: dict[str, Any]
    first_run_warnings: str
    tables: dict[str, tuple[int, int]]
    second_run: dict[str, Any]
    tables_after_second_run: dict[str, tuple[int, int]]
    drafts: list[dict[str, Any]]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The story up to two ticks. The server keeps running, so that each command is quick."""
    folder = tmp_path_factory.mktemp("cli")
    home = Home(folder / "home")
    try:
        yield tell(home, folder)
    finally:
        home.call("down")


def tell(home: Home, folder: Path) -> Story:
    """Generate, apply twice, ingest twice, run twice."""
    home.rows("warehouse", "start")
    (generated,) = home.rows("generate", "--events", str(EVENTS), "--seed", "7", "--accounts", "3", "--out", str(folder / "cloud"))
    applied = [home.rows("catalog", "apply", generated["catalog"])[0] for _ in range(2)]
    ingested = [home.rows("ingest", generated["events"]) for _ in range(2)]
    first = home.call("run")
    assert first.returncode == 0, first.stderr
    tables = fingerprints(home)
    (second,) = home.rows("run")
    return Story(
        home=home,
        generated=generated,
        applied=applied,
        ingested=ingested,
        first_run=json.loads(first.stdout)[0],
        first_run_warnings=first.stderr,
        tables=tables,
        second_run=second,
        tables_after_second_run=fingerprints(home),
        drafts=home.rows("invoice", "list"),
    )


def test_applying_a_catalog_again_changes_nothing(story: Story) -> None:
    first, second = story.applied
    assert first == {"catalog_version": 1, "changed": True, "accounts_changed": 3} | {
        name: first[name] for name in ("credits_changed", "budgets_changed")
    }
    assert second == {"catalog_version": 1, "changed": False, "accounts_changed": 0, "credits_changed": 0, "budgets_changed": 0}


def test_ingest_prints_for_each_file_in_sorted_order_what_became_of_its_rows(story: Story) -> None:
    first, _ = story.ingested
    assert [row["location"] for row in first] == sorted(row["location"] for row in first)
    for name, total in (("rows_accepted", "accepted"), ("rows_duplicate", "duplicates"), ("rows_conflict", "conflicts")):
        assert sum(row[name] for row in first) == story.generated[total]
    assert sum(row["rows_rejected"] for row in first) == sum(story.generated["rejected"].values())
    assert not any(row["already_loaded"] for row in first)


def test_ingesting_the_same_files_again_says_so_with_the_same_counts(story: Story) -> None:
    first, second = story.ingested
    assert [row | {"already_loaded": True} for row in first] == second


def test_unrated_usage_only_warns(story: Story) -> None:
    assert story.generated["unrated"] > 0
    assert story.first_run["warning_count"] == 1
    assert story.first_run_warnings.startswith("meterhouse: warning: usage_is_rated: reason_code=unknown_metric")


def test_running_again_without_new_input_changes_nothing(story: Story) -> None:
    assert story.tables_after_second_run == story.tables
    assert story.second_run["as_of"] == story.first_run["as_of"]
    assert story.second_run["tick_id"] == story.first_run["tick_id"] + 1


def test_drafts_are_listed_without_a_number(story: Story) -> None:
    january = [row for row in story.drafts if row["period"] == PERIOD]
    assert len(january) == 3
    assert {(row["status"], row["invoice_number"], row["kind"]) for row in january} == {("draft", "", "invoice")}


def test_a_draft_is_shown_by_its_id_with_lines_that_add_up(story: Story) -> None:
    draft = story.drafts[0]
    (shown,) = story.home.rows("invoice", "show", draft["invoice_id"])
    cents = [round(float(line["amount"]) * 10_000) for line in shown["lines"]]
    assert sum(cents) == round(float(draft["subtotal_amount"]) * 10_000)
    assert shown | {"lines": None} == draft | {"lines": None}


def test_a_draft_is_printed_as_one(story: Story, tmp_path: Path) -> None:
    file = tmp_path / "draft.pdf"
    (written,) = story.home.rows("invoice", "pdf", story.drafts[0]["invoice_id"], "--out", str(file))
    assert (written["invoice_number"], written["message"]) == ("", "the draft has no e-invoice: it is not issued yet")
    assert "DRAFT" in PdfReader(file).pages[0].extract_text()


def test_a_month_is_exported_as_focus_files_that_add_up(story: Story, tmp_path: Path) -> None:
    written = story.home.rows("export", "focus", PERIOD, "--out", str(tmp_path / "focus"))
    assert [Path(row["file"]).name for row in written] == [f"focus-{PERIOD}.{kind}" for kind in ("csv", "parquet", "json")]
    rows = focus_rules.read_csv(Path(written[0]["file"]))
    assert len(rows) == written[0]["rows"] == written[1]["rows"]
    assert focus_rules.violations(rows) == []
    for draft in story.drafts:
        if draft["period"] == PERIOD:
            costs = [Decimal(row["BilledCost"] or 0) for row in rows if row["x_DocumentId"] == draft["invoice_id"]]
            assert sum(costs) == Decimal(draft["total_amount"])
    (seen,) = story.home.rows("sql", "SELECT count() AS n FROM finops.focus_cost_and_usage WHERE toYYYYMM(BillingPeriodStart) = 202601")
    assert seen["n"] == len(rows), "the analyst may read it"
    assert "2031-01 has no documents" in story.home.refusal("export", "focus", "2031-01", "--out", str(tmp_path))


def test_sql_runs_as_the_analyst_who_may_not_write_or_see_raw_events(story: Story) -> None:
    assert story.home.rows("sql", "SELECT currentUser() AS name") == [{"name": "analyst"}]
    assert "privileges" in story.home.refusal("sql", "SELECT count() FROM raw.usage_events")
    assert "privileges" in story.home.refusal("sql", "DROP TABLE ops.batches")
    assert story.home.rows("sql", "SELECT count() AS n FROM raw.usage_events", "--as", "pipeline")[0]["n"] > 0


def test_sql_prints_unrounded_amounts_to_the_last_digit(story: Story) -> None:
    statement = "SELECT toDecimal256('123456789012345678901234567890.12345678901234567890123456789012', 32) AS amount"
    assert story.home.rows("sql", statement) == [{"amount": "123456789012345678901234567890.12345678901234567890123456789012"}]


def test_a_statement_that_is_wrong_is_answered_with_the_servers_own_sentence(story: Story) -> None:
    sentence = story.home.refusal("sql", "SELECT nonsense FROM ops.batches")
    assert sentence.startswith("meterhouse: the warehouse refused a statement: ")
    assert "nonsense" in sentence
    assert "\n" not in sentence


def test_a_missing_file_is_one_sentence(story: Story) -> None:
    assert "nothing-here.jsonl" in story.home.refusal("ingest", "nothing-here.jsonl")


def test_a_truncated_file_is_one_sentence_and_loads_nothing_of_it(story: Story, tmp_path: Path) -> None:
    line = {
        "specversion": "1.0", "id": "whole", "source": "/t", "type": "usage.recorded", "subject": "s", "time": "2026-01-02T00:00:00Z",
        "data": {"account_id": "a", "metric": "m", "quantity": "1"},
    }  # fmt: skip
    good = tmp_path / "1-good.jsonl"
    good.write_text(json.dumps(line) + "\n")
    cut = tmp_path / "2-cut.jsonl.gz"
    cut.write_bytes(gzip.compress("\n".join(json.dumps(line | {"id": str(number)}) for number in range(5000)).encode())[:-50])
    before = story.home.rows("sql", "SELECT count() AS n FROM ops.batches")
    ended = story.home.call("ingest", str(tmp_path))
    assert ended.returncode == 1
    assert "2-cut.jsonl.gz" in ended.stderr
    assert [row["rows_accepted"] for row in json.loads(ended.stdout)] == [1]
    assert story.home.rows("sql", "SELECT count() AS n FROM ops.batches")[0]["n"] == before[0]["n"] + 1


def test_a_bad_catalog_is_refused_as_a_whole_by_file_and_line(story: Story, tmp_path: Path) -> None:
    folder = shutil.copytree(story.generated["catalog"], tmp_path / "catalog")
    with (folder / "prices.csv").open("a") as file:
        file.write("extra,no-such-sku,,USD,per_unit,1,,,\n")
    assert "prices.csv" in story.home.refusal("catalog", "apply", str(folder))
    assert story.home.rows("catalog", "apply", story.generated["catalog"])[0]["changed"] is False


def test_a_month_that_is_not_over_is_not_closed(story: Story) -> None:
    assert "ends after the as-of" in story.home.refusal("close", PERIOD, "--as-of", "2026-01-31T23:59:59Z")


def test_an_unknown_invoice_is_one_sentence(story: Story) -> None:
    assert "INV-999" in story.home.refusal("invoice", "show", "INV-999")


def test_connect_shows_how_the_analyst_logs_in(story: Story) -> None:
    (analyst,) = story.home.rows("connect")
    assert analyst["user"] == "analyst"
    assert analyst["url"] == f"http://127.0.0.1:{analyst['port']}"
    assert analyst["password"]
    assert story.home.rows("connect", "pipeline")[0]["password"] != analyst["password"]
