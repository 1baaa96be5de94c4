-- Usage: one accepted usage.recorded a row. Hour first, then account and resource: the order of the recompute.
CREATE TABLE IF NOT EXISTS ${raw}.usage_events
(
    source LowCardinality(String),
    event_id String,
    resource_id String COMMENT 'CloudEvents subject',
    event_at DateTime64(3, 'UTC'),
    account_id String,
    project_id String,
    region LowCardinality(String),
    metric LowCardinality(String),
    quantity Decimal(38, 9),
    value String COMMENT 'what SKUs with aggregation unique count; empty where absent',
    labels Map(LowCardinality(String), String) COMMENT 'keys in byte order',
    sequence Int64,
    batch_seq UInt64,
    line_number UInt64
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(event_at)
ORDER BY (toStartOfHour(event_at), account_id, resource_id, metric, event_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Lifecycle: one accepted resource.* event a row, each the full state after the change.
-- Resource first: intervals are built from all events of a resource.
CREATE TABLE IF NOT EXISTS ${raw}.lifecycle_events
(
    source LowCardinality(String),
    event_id String,
    resource_id String COMMENT 'CloudEvents subject',
    event_at DateTime64(3, 'UTC'),
    kind Enum8('created' = 1, 'started' = 2, 'updated' = 3, 'stopped' = 4, 'deleted' = 5) COMMENT 'also the order of equal instants',
    sequence Int64,
    account_id String,
    project_id String,
    region LowCardinality(String),
    resource_type LowCardinality(String),
    state Enum8('running' = 1, 'stopped' = 2, 'deleted' = 3) COMMENT 'after the change, absent states resolved',
    metrics Map(LowCardinality(String), Decimal(38, 9)) COMMENT 'what the resource holds; keys in byte order',
    labels Map(LowCardinality(String), String) COMMENT 'keys in byte order',
    batch_seq UInt64,
    line_number UInt64
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(event_at)
ORDER BY (resource_id, source, event_at, sequence, kind, event_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Identities outlive raw: deduplication has no time limit.
CREATE TABLE IF NOT EXISTS ${raw}.event_identities
(
    identity_hash FixedString(16) COMMENT 'sipHash128(source, event_id)',
    content_hash UInt64 COMMENT 'hash of the content as read; tells a duplicate from a conflict',
    batch_seq UInt64,
    arrived_at DateTime('UTC')
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(arrived_at)
ORDER BY identity_hash
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Which windows each batch touches: a tick finds its work here without reading raw.
CREATE TABLE IF NOT EXISTS ${raw}.usage_windows
(
    batch_seq UInt64,
    hour_at DateTime64(3, 'UTC'),
    account_id String,
    resource_id String,
    last_event_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (batch_seq, hour_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS ${raw}.lifecycle_windows
(
    batch_seq UInt64,
    source LowCardinality(String),
    resource_id String,
    first_event_at DateTime64(3, 'UTC'),
    last_event_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (batch_seq, resource_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
