-- What happened to each batch of input. A row in ops.batches is the commit of a load: it is written last,
-- and a batch without one does not exist (its leftovers are removed before the next load).
CREATE TABLE IF NOT EXISTS ${ops}.batches
(
    batch_seq UInt64 COMMENT 'commit order, rising from 1 without gaps',
    batch_id String COMMENT 'deterministic: the content hash of a file, or the offset range of a partition',
    source_name LowCardinality(String),
    location String COMMENT 'path or URL the batch was read from',
    lines UInt64,
    blank UInt64,
    rows_read UInt64 COMMENT 'lines that are not blank',
    rows_accepted UInt64,
    rows_duplicate UInt64,
    rows_conflict UInt64,
    rows_rejected UInt64,
    first_event_at DateTime64(3, 'UTC') COMMENT '1970-01-01 where nothing was accepted',
    last_event_at DateTime64(3, 'UTC') COMMENT '1970-01-01 where nothing was accepted',
    loaded_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY batch_seq
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Written before the first row of a batch reaches raw; lets the next load find what a crash left behind.
CREATE TABLE IF NOT EXISTS ${ops}.batch_intents
(
    batch_seq UInt64,
    batch_id String,
    intended_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY batch_seq
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS ${ops}.rejected_events
(
    batch_seq UInt64,
    batch_id String,
    line_number UInt64 COMMENT 'from 1',
    reason_code LowCardinality(String),
    raw_line String,
    rejected_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (batch_seq, line_number)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- A later event with the identity of an accepted one and other content. It changes nothing; it is evidence.
CREATE TABLE IF NOT EXISTS ${ops}.event_conflicts
(
    batch_seq UInt64,
    batch_id String,
    line_number UInt64,
    source String,
    event_id String,
    first_batch_id String COMMENT 'batch whose event counts',
    content String COMMENT 'the refused content as read, JSON text',
    recorded_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (batch_seq, line_number)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW IF NOT EXISTS ${ops}.event_accounting AS
SELECT
    batch_id,
    lines,
    blank,
    rows_accepted AS accepted,
    rows_duplicate AS duplicates,
    rows_conflict AS conflicts,
    rows_rejected AS rejected
FROM ${ops}.batches;

-- One row when a tick starts and one when it ends; the last committed row says what the tables reflect.
CREATE TABLE IF NOT EXISTS ${ops}.ticks
(
    tick_id UInt64 COMMENT 'rises with each attempt; the version of all rows the attempt writes',
    previous_tick_id UInt64 COMMENT 'last committed tick; what attempts since then have touched is recomputed',
    status LowCardinality(String) COMMENT 'started or committed',
    as_of DateTime64(3, 'UTC'),
    previous_as_of DateTime64(3, 'UTC') COMMENT 'as-of of the last committed tick; 1970-01-01 before the first',
    from_batch_seq UInt64 COMMENT 'batches after this one are new',
    to_batch_seq UInt64 COMMENT 'last batch the tick reads',
    catalog_version UInt64,
    previous_catalog_version UInt64,
    rebuild_from DateTime64(3, 'UTC') COMMENT 'hours from here are recomputed whatever changed',
    rebuild_to DateTime64(3, 'UTC') COMMENT 'equal to rebuild_from where nothing is forced',
    seller_country LowCardinality(String) COMMENT 'country of the issuer, for the reverse-charge note',
    recorded_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (tick_id, status);
