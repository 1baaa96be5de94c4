-- The days of the touched sets: those touched alone, and from the first day on that reaches on all days that can hold charges.
-- hours: what to rate of the day, empty for all of it. What was written on a set's first touched day moves the running total
-- from that hour on, so the hours before it keep their charges (int_kept_charges): a tick costs the hours that it changes,
-- however long the day is. Rated whole are all later days, those that something else than consumption has reached, what has a
-- commitment, and everything after a failed attempt, which may have replaced some tables of charges and others not.
-- is_sampled: of these days checks read all hours.
-- Grain: one row per account_id, sku_id, charge_date.
{{ config(materialized='scratch', order_by='(account_id, sku_id, charge_date)', touched="{{ ref('int_touched_sets') }}") }}

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

-- The last instant that this tick, the last committed one or a failed attempt since can have written.
last_written as (
    select max(as_of) as as_of
    from {{ source('ops', 'ticks') }}
    where tick_id >= {{ tick('previous_tick_id') }}
),

touched as (
    select
        account_id,
        sku_id,
        month,
        from_date as charge_date,
        0 as is_reached
    from {{ ref('int_touched_sets') }}
    where not is_onward

    union all

    select
        account_id,
        sku_id,
        month,
        arrayJoin(arrayMap(
            day -> from_date + day,
            range(toUInt64(greatest(
                dateDiff('day', from_date, least(toLastDayOfMonth(month), toDate((select as_of from last_written)))) + 1, 0
            )))
        )) as charge_date,
        1 as is_reached
    from onward
),

days as (
    select
        account_id,
        sku_id,
        month,
        arrayJoin(groupUniqArray(touched.charge_date)) as charge_date,
        charge_date = min(touched.charge_date)
        and not max(touched.is_reached)
        and {{ tick('tick_id') }} = {{ tick('previous_tick_id') }} + 1
        and {{ tick('rebuild_from') }} = {{ tick('rebuild_to') }} as can_keep
    from touched
    group by account_id, sku_id, month
),

-- The first hour of an account that was measured anew, by day: at or before the first of each of its sets.
measured as (
    select account_id, toDate(windows.hour_at) as charge_date, min(windows.hour_at) as first_hour_at
    from {{ ref('int_touched_windows') }} as windows
    group by account_id, charge_date
),

hours as (
    select
        days.account_id as account_id,
        days.sku_id as sku_id,
        days.month as month,
        days.charge_date as charge_date,
        toDateTime64(measured.first_hour_at, 3, 'UTC') as first_hour_at,
        if(
            days.can_keep and committed.sku_id = '' and toDate(first_hour_at) = days.charge_date,
            arrayMap(
                hour -> first_hour_at + toIntervalHour(hour),
                range(toUInt64(greatest(
                    dateDiff('hour', first_hour_at, least(
                        toDateTime64(days.charge_date + 1, 3, 'UTC'), toStartOfHour((select as_of from last_written)) + toIntervalHour(1)
                    )),
                    1
                )))
            ),
            []
        ) as hours
    from days
    left any join measured on days.account_id = measured.account_id and days.charge_date = measured.charge_date
    left any join {{ ref('stg_catalog__commitments') }} as committed on days.account_id = committed.account_id and days.sku_id = committed.sku_id
)

select
    account_id,
    sku_id,
    month,
    charge_date,
    hours,
    -- At most some twenty thousand sets, another share of the accounts in each tick.
    1 + intDiv(count() over (), 20000) as shares,
    cityHash64(account_id) % shares = {{ tick('tick_id') }} % shares as is_sampled
from hours
