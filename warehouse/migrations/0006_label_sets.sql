-- A set of labels under its hash. Models compare and carry the hash, and look the labels up once at the end: comparing
-- maps row by row costs more than everything else that metering does.
CREATE TABLE IF NOT EXISTS ${raw}.label_sets
(
    labels_hash UInt128 COMMENT 'sipHash128(toString(labels))',
    labels Map(LowCardinality(String), String) COMMENT 'keys in byte order'
)
ENGINE = ReplacingMergeTree
ORDER BY labels_hash
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

ALTER TABLE ${raw}.usage_events
ADD COLUMN IF NOT EXISTS labels_hash UInt128 DEFAULT reinterpretAsUInt128(sipHash128(toString(labels))) AFTER labels;

ALTER TABLE ${raw}.lifecycle_events
ADD COLUMN IF NOT EXISTS labels_hash UInt128 DEFAULT reinterpretAsUInt128(sipHash128(toString(labels))) AFTER labels;

INSERT INTO ${raw}.label_sets SELECT labels_hash, any(labels) FROM ${raw}.usage_events GROUP BY labels_hash;

INSERT INTO ${raw}.label_sets SELECT labels_hash, any(labels) FROM ${raw}.lifecycle_events GROUP BY labels_hash;
