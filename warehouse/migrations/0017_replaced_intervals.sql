-- Intervals that a tick which failed before this version had replaced do not say whose events they are; those that stand in
-- their place do. The table belongs to dbt; in a new deployment it is made here, as dbt would make it.
CREATE TABLE IF NOT EXISTS ${metering}.int_replaced_intervals
(
    account_id String,
    resource_id String,
    started_at DateTime64(3, 'UTC'),
    ended_at DateTime64(3, 'UTC'),
    source String,
    event_id String,
    _previous_tick_id UInt64
)
ENGINE = MergeTree
PARTITION BY _previous_tick_id
ORDER BY tuple();

ALTER TABLE ${metering}.int_replaced_intervals
ADD COLUMN IF NOT EXISTS source String AFTER ended_at,
ADD COLUMN IF NOT EXISTS event_id String AFTER source;
