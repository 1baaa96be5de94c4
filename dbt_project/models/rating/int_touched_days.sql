-- The days of the touched sets: those touched alone, and from the first day on that reaches on all days that can hold charges.
-- Grain: one row per account_id, sku_id, charge_date.
{{ config(materialized='table', engine='MergeTree()', order_by='(account_id, sku_id, charge_date)') }}

with onward as (
    select
        account_id,
        sku_id,
        month,
        min(sets.from_date) as from_date
    from {{ ref('int_touched_sets') }} as sets
    where is_onward
    group by account_id, sku_id, month
),

-- The last day that this tick, the last committed one or a failed attempt since can have written.
last_days as (
    select toDate(max(as_of)) as last_date
    from {{ source('ops', 'ticks') }}
    where tick_id >= {{ tick('previous_tick_id') }}
)

select distinct
    account_id,
    sku_id,
    month,
    charge_date
from (
    select
        account_id,
        sku_id,
        month,
        from_date as charge_date
    from {{ ref('int_touched_sets') }}
    where not is_onward

    union all

    select
        account_id,
        sku_id,
        month,
        arrayJoin(arrayMap(
            day -> from_date + day,
            range(toUInt64(greatest(dateDiff('day', from_date, least(toLastDayOfMonth(month), (select last_date from last_days))) + 1, 0)))
        )) as charge_date
    from onward
)
