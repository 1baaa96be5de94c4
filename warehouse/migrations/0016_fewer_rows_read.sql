-- A tick that failed before this version touched all days from each one on. The table belongs to dbt; in a new deployment it is
-- made here, as dbt would make it.
CREATE TABLE IF NOT EXISTS ${rating}.int_touched_sets
(
    account_id String,
    sku_id String,
    month Date,
    from_date Date,
    is_onward Bool,
    _previous_tick_id UInt64
)
ENGINE = MergeTree
PARTITION BY _previous_tick_id
ORDER BY tuple();

ALTER TABLE ${rating}.int_touched_sets
ADD COLUMN IF NOT EXISTS is_onward Bool DEFAULT 1 AFTER from_date;
