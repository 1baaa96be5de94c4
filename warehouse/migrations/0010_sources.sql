-- What each source has given, so that a tick looks only at what is new. None of this is a commit: a batch counts because of
-- its row in ops.batches, and a row that is lost here costs one more look at what it spoke of.

-- Files and objects as they were when their batch was found or loaded. One that still looks like this is not read again.
CREATE TABLE IF NOT EXISTS ${ops}.seen_inputs
(
    location String COMMENT 'path, or s3://bucket/key',
    fingerprint String COMMENT 'size, change time and inode of a file; size, change time and ETag of an object',
    batch_id String,
    seen_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(seen_at)
ORDER BY location
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Offset ranges [from_offset, to_offset) of a batch, written before it is loaded. They count where the batch is in ops.batches.
CREATE TABLE IF NOT EXISTS ${ops}.kafka_ranges
(
    cluster_id String,
    topic String,
    partition UInt32,
    epoch UInt32 COMMENT 'rises when a person accepts that a topic was made anew; offsets begin anew with it',
    from_offset UInt64,
    to_offset UInt64,
    message_count UInt64,
    missing_count UInt64 COMMENT 'offsets within the range that carry no message: compacted, or marks of transactions',
    missing Array(Tuple(from_offset UInt64, to_offset UInt64)) COMMENT 'the first thousand runs of them',
    topic_id String COMMENT 'empty where the broker gives none',
    last_message UInt64 COMMENT 'hash of the message at to_offset - 1, by which a topic that was made anew is noticed',
    batch_id String,
    read_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (cluster_id, topic, partition, epoch, to_offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Offsets that the broker removed before they were read: events that are lost unless their producer sends them again.
CREATE TABLE IF NOT EXISTS ${ops}.kafka_gaps
(
    cluster_id String,
    topic String,
    partition UInt32,
    epoch UInt32,
    from_offset UInt64,
    to_offset UInt64,
    found_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (cluster_id, topic, partition, epoch, to_offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- A person accepted that a topic was made anew: its offsets count from the beginning again.
CREATE TABLE IF NOT EXISTS ${ops}.kafka_epochs
(
    cluster_id String,
    topic String,
    epoch UInt32,
    began_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (cluster_id, topic, epoch)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
