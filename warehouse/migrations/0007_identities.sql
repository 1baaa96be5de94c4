-- Identities by the two halves of their hash: numbers are compared and merged many times faster than texts of 16 bytes.
-- They outlive raw, since deduplication has no time limit.
CREATE TABLE IF NOT EXISTS ${raw}.identities
(
    identity_high UInt64 COMMENT 'with identity_low: sipHash128(source, event_id)',
    identity_low UInt64,
    content_hash UInt64 COMMENT 'hash of the content as read; tells a duplicate from a conflict',
    batch_seq UInt64,
    arrived_at DateTime('UTC')
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(arrived_at)
ORDER BY (identity_high, identity_low)
-- A lookup of one identity reads one granule.
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1;

TRUNCATE TABLE ${raw}.identities;

INSERT INTO ${raw}.identities
SELECT
    reinterpretAsUInt64(identity_hash),
    reinterpretAsUInt64(substring(identity_hash, 9, 8)),
    content_hash,
    batch_seq,
    arrived_at
FROM ${raw}.event_identities;
