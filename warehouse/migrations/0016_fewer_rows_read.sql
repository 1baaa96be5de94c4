-- Publishing asks each table for its greatest revision. Of those with rows for every account the parts keep it, so that a tick
-- that changes no account reads none.
ALTER TABLE ${raw}.control_accounts MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild';

ALTER TABLE ${raw}.control_accounts
ADD PROJECTION IF NOT EXISTS latest (SELECT max(revision)), MATERIALIZE PROJECTION latest;

ALTER TABLE ${raw}.control_account_changes MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild';

ALTER TABLE ${raw}.control_account_changes
ADD PROJECTION IF NOT EXISTS latest (SELECT max(revision)), MATERIALIZE PROJECTION latest;

ALTER TABLE ${raw}.control_billing_accounts MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild';

ALTER TABLE ${raw}.control_billing_accounts
ADD PROJECTION IF NOT EXISTS latest (SELECT max(revision)), MATERIALIZE PROJECTION latest;

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
