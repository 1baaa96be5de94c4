"""The data quality page: where every input line ended, what could not be billed, and how fresh the tables are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

import streamlit as st

from dashboards import queries, tables
from dashboards.formatting import instant_text
from dashboards.queries import Batch, EventAccounting, PipelineState, RejectedReason, UnratedReason
from dashboards.reading import NothingBuiltError, analyst, cached
from dashboards.wording import reason_text
from warehouse.settings import Settings, load_settings

SHOWN_BATCHES = 20

# The buckets of ops.event_accounting; each line is in exactly one of them.
_BUCKETS = (
    ("accepted", "Accepted", "Counts towards the bill."),
    ("duplicates", "Duplicates", "The same event again: changes nothing."),
    ("conflicts", "Conflicts", "A known identity with other content: the first one counts, this one is kept as evidence."),
    ("rejected", "Rejected", "Not a valid event: kept with its reason."),
    ("blank", "Blank", "Lines without content."),
)


@cached
def _input(settings: Settings) -> tuple[EventAccounting, list[RejectedReason], list[Batch], PipelineState]:
    with analyst(settings) as client:
        return (
            queries.event_accounting(client, settings),
            queries.rejected_reasons(client, settings),
            queries.latest_batches(client, settings, limit=SHOWN_BATCHES),
            queries.pipeline_state(client, settings),
        )


@cached
def _unrated(settings: Settings) -> list[UnratedReason]:
    with analyst(settings) as client:
        return queries.all_unrated_reasons(client, settings)


def render() -> None:
    """Draw the page."""
    settings = load_settings()
    st.title("Data quality")
    accounting, rejected, batches, state = _input(settings)
    _show_state(state)
    if not accounting.batch_count:
        st.info("Nothing has been loaded yet: load event files with `meterhouse ingest`.", icon=":material/hourglass_empty:")
        return
    _show_accounting(accounting)
    left, right = st.columns(2)
    with left.container(border=True, height="stretch"):
        _show_rejected(rejected)
    with right.container(border=True, height="stretch"):
        _show_unrated(settings)
    _show_batches(batches)


def _show_state(state: PipelineState) -> None:
    if not state.committed_tick_id:
        st.caption("No run has ended yet.")
    else:
        ended, as_of = instant_text(state.committed_at), instant_text(state.as_of)
        st.caption(f"Run {state.committed_tick_id} ended at {ended} and billed usage up to {as_of}.")
    if state.is_tick_open:
        st.warning(
            f"Run {state.last_tick_id} started at {instant_text(state.last_attempt_at)} and has not ended. If it is no longer running,"
            " `meterhouse run` repeats it; nothing is lost or counted twice.",
            icon=":material/sync:",
        )


def _show_accounting(accounting: EventAccounting) -> None:
    with st.container(border=True, key="accounting"):
        st.subheader("Where every line ended")
        rows = [[title, meaning, f"{getattr(accounting, name):,}"] for name, title, meaning in _BUCKETS]
        columns = (tables.Column(title="Bucket"), tables.Column(title="Meaning"), tables.Column(title="Lines", is_number=True))
        footer = [
            [
                f"All lines, of {accounting.batch_count:,} loaded {'batch' if accounting.batch_count == 1 else 'batches'}",
                "",
                f"{accounting.lines:,}",
            ]
        ]
        st.html(tables.table("Where every line ended", columns, rows, footer=footer))
        if accounting.unbalanced_batch_count:
            st.error(
                f"Batches whose buckets do not add up to their lines: {accounting.unbalanced_batch_count:,}; see ops.event_accounting.",
                icon=":material/error:",
            )
        else:
            st.success("In every batch the buckets add up to the lines read.", icon=":material/check_circle:")


def _show_rejected(reasons: Sequence[RejectedReason]) -> None:
    st.subheader("Rejected lines by reason")
    if not reasons:
        st.caption("No line was rejected.")
        return
    columns = (tables.Column(title="Reason"), tables.Column(title="Last seen"), tables.Column(title="Lines", is_number=True))
    rows = [[reason.reason_code, instant_text(reason.last_rejected_at), f"{reason.line_count:,}"] for reason in reasons]
    st.html(tables.table("Rejected lines by reason", columns, rows))


def _show_unrated(settings: Settings) -> None:
    st.subheader("Unrated usage by reason")
    try:
        reasons = _unrated(settings)
    except NothingBuiltError:
        st.caption("The tables are not built yet: `meterhouse run` builds them.")
        return
    if not reasons:
        st.caption("All usage has a price.")
        return
    columns = (tables.Column(title="Reason"), tables.Column(title="Metrics"), tables.Column(title="Resource-hours", is_number=True))
    rows = [
        [f"{reason.reason_code}: {reason_text(reason.reason_code)}", ", ".join(reason.metrics), f"{reason.row_count:,}"]
        for reason in reasons
    ]
    st.html(tables.table("Unrated usage by reason", columns, rows))


def _show_batches(batches: Sequence[Batch]) -> None:
    with st.container(border=True):
        st.subheader("Latest batches")
        columns = (
            tables.Column(title="Loaded"),
            tables.Column(title="Source"),
            tables.Column(title="Name"),
            tables.Column(title="Lines", is_number=True),
            tables.Column(title="Accepted", is_number=True),
            tables.Column(title="Duplicates", is_number=True),
            tables.Column(title="Conflicts", is_number=True),
            tables.Column(title="Rejected", is_number=True),
        )
        rows = [
            [
                instant_text(batch.loaded_at),
                batch.source_name,
                PurePosixPath(batch.location).name or batch.location,
                *(f"{count:,}" for count in (batch.lines, batch.accepted, batch.duplicates, batch.conflicts, batch.rejected)),
            ]
            for batch in batches
        ]
        st.html(tables.table("Latest batches", columns, rows))
