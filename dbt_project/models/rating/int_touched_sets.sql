-- What the tick rates anew of an account's month of a SKU: a day alone, or all days from one on. All other days keep their
-- charges and hand over their quantity (int_on_demand_daily), so that a tick costs the days that it changes.
-- A written day moves the running total of the days after it. Theirs are other charges only where that total can meet a
-- boundary of a price: between two boundaries a unit costs the same wherever the total stands. So these days are found here,
-- before the tick replaces the totals that the stored charges were made from.
-- Grain: rows may repeat; read with distinct.
{{ config(materialized='touched') }}
-- depends_on: {{ ref('int_changed_terms') }}, {{ ref('stg_control__accounts') }}, {{ ref('int_price_segments') }}

{% set unrated = existing('rating', 'int_unrated_hourly_versions') -%}
{% set charges = existing('rating', 'int_charged_daily_versions') -%}
{% set on_demand = existing('rating', 'int_on_demand_daily_versions') -%}
{% set windows = ref('int_touched_windows') -%}
{% set rebuilds = is_rebuild() -%}
{% set has_new_terms = has_new_catalog() and holds('(select count() from ' ~ ref('int_changed_terms') ~ ') > 0') -%}

{#- Stored days of the months that go on after a written day. Mostly there are none, and nothing is asked of them. #}
{% set later_days -%}
    select account_id, sku_id, toStartOfMonth(charge_date)
    from {{ on_demand }}
    where account_id in (select account_id from {{ windows }}) and charge_date > (select toDate(min(hour_at)) from {{ windows }})
{%- endset -%}
{% set has_later_days = on_demand and holds('(select count() from (' ~ later_days ~ ' limit 1)) > 0') -%}

with commitment_hours as (
    -- Hours of a commitment that have ended since the last tick: their unused part is due, with or without usage.
    select
        account_id,
        sku_id,
        greatest(valid_from, least(toStartOfHour({{ tick('previous_as_of') }}), toDateTime64(toStartOfHour({{ tick('as_of') }}), 3, 'UTC'))) as from_at,
        least(valid_to, toStartOfHour({{ tick('as_of') }})) as to_at
    from {{ ref('stg_catalog__commitments') }}
{% if rebuilds %}
    union all

    select
        account_id,
        sku_id,
        greatest(valid_from, {{ tick('rebuild_from') }}) as from_at,
        least(valid_to, toStartOfHour({{ tick('as_of') }}), {{ tick('rebuild_to') }}) as to_at
    from {{ ref('stg_catalog__commitments') }}
{% endif %}
{% if has_new_terms %}
    union all

    select
        commitments.account_id as account_id,
        commitments.sku_id as sku_id,
        commitments.valid_from as from_at,
        least(commitments.valid_to, toStartOfHour({{ tick('as_of') }})) as to_at
    from {{ ref('stg_catalog__commitments') }} as commitments
    inner join {{ ref('int_changed_terms') }} as terms on commitments.sku_id = terms.sku_id
    where terms.account_id in ('', commitments.account_id)
{% endif %}
),

-- Consumption written since the last committed tick, rows that vanished included.
written as (
    select
        account_id,
        sku_id,
        toDate(hour_at) as charge_date,
        sum(versions.quantity) as quantity
    from {{ versions_of(ref('int_metered_hourly')) }} as versions
    where
        (toDate(hour_at), account_id, hour_at) in (select toDate(hour_at), account_id, hour_at from {{ windows }})
        and _version > {{ tick('previous_tick_id') }}
        and sku_id != ''
    group by account_id, sku_id, charge_date
),
{% if has_later_days %}
stored as (
    select
        account_id,
        sku_id,
        charge_date,
        quantity
    from {{ on_demand }} final
    where
        account_id in (select account_id from {{ windows }})
        and charge_date >= (select toStartOfMonth(toDate(min(hour_at))) from {{ windows }})
        and (account_id, sku_id, toStartOfMonth(charge_date)) in ({{ later_days }})
),

-- The totals that a stored day can have started and ended with, in its charges as they stand and as they will be. A written
-- day counts for anything from nothing to all that it had and all that was written of it; its on-demand part is in between.
totals as (
    select
        account_id,
        sku_id,
        charge_date,
        is_written,
        sum(if(is_written, toDecimal256(0, 12), days.stored)) over (
            partition by account_id, sku_id, toStartOfMonth(charge_date) order by charge_date asc
            rows between unbounded preceding and current row
        ) as certain,
        sum(if(is_written, days.stored + days.written, toDecimal256(0, 12))) over (
            partition by account_id, sku_id, toStartOfMonth(charge_date) order by charge_date asc
            rows between unbounded preceding and current row
        ) as uncertain,
        certain - if(is_written, toDecimal256(0, 12), days.stored) as least_total,
        certain + uncertain as greatest_total
    from (
        select
            account_id,
            sku_id,
            charge_date,
            max(parts.is_written) as is_written,
            sum(parts.stored) as stored,
            sum(parts.written) as written
        from (
            select account_id, sku_id, charge_date, 0 as is_written, quantity as stored, toDecimal256(0, 12) as written from stored
            union all
            select account_id, sku_id, charge_date, 1 as is_written, toDecimal256(0, 12) as stored, quantity as written
            from written
            where (account_id, sku_id, toStartOfMonth(charge_date)) in ({{ later_days }})
        ) as parts
        group by account_id, sku_id, charge_date
    ) as days
),

-- Where another unit can begin to cost something else, of all prices that the SKU has for anybody. Beyond the last one a
-- total stops the run (int_rated_hourly).
boundaries as (
    select
        sku_id,
        max(prices.package_size > 0) as has_packages,
        arrayDistinct(arrayFlatten(groupArray(
            arrayFilter((low, base) -> low > 0 or base != 0, prices.lows, prices.bases)
        ))) as lows
    from {{ ref('int_price_segments') }} as prices
    group by sku_id
),
{% endif %}
touched as (
    select account_id, sku_id, charge_date as from_date, 0 as is_onward
    from written
{% if has_later_days %}
    union all

    select account_id, sku_id, charge_date as from_date, 0 as is_onward
    from totals
    left any join boundaries on totals.sku_id = boundaries.sku_id
    where
        not is_written
        and uncertain > 0
        and (
            boundaries.has_packages
            or arrayExists(
                low -> low >= least_total and low < greatest_total,
                arrayPushBack(boundaries.lows, {{ greatest_month_total() }})
            )
        )
{% endif %}
    union all

    select
        account_id,
        sku_id,
        if(toStartOfMonth(toDate(from_at)) = month, toDate(from_at), month) as from_date,
        1 as is_onward
    from (
        select
            account_id,
            sku_id,
            from_at,
            arrayJoin(arrayMap(
                number -> addMonths(toStartOfMonth(toDate(from_at)), number),
                range(toUInt64(dateDiff('month', toStartOfMonth(from_at), toStartOfMonth(to_at - toIntervalMillisecond(1))) + 1))
            )) as month
        from commitment_hours
        where from_at < to_at
    )
{% if charges and has_new_terms %}
    union all

    -- New terms, on every set that has consumption or charges in the months they can reach.
    select
        charged.account_id as account_id,
        charged.sku_id as sku_id,
        greatest(charged.charge_date, terms.from_date) as from_date,
        1 as is_onward
    from (
        select distinct account_id, sku_id, charge_date
        from {{ charges }} final
    ) as charged
    inner join {{ ref('int_changed_terms') }} as terms on charged.sku_id = terms.sku_id
    where terms.account_id in ('', charged.account_id) and charged.charge_date >= terms.from_date
{% endif %}
{% if charges and rebuilds %}
    union all

    select
        account_id,
        sku_id,
        charge_date as from_date,
        1 as is_onward
    from {{ charges }} final
    where
        charge_date >= toDate({{ tick('rebuild_from') }})
        and charge_date <= toDate({{ tick('rebuild_to') }})
{% endif %}
{% if unrated %}
    union all

    -- Unrated until now: accounts that have become known, and SKUs with new terms.
    select
        account_id,
        sku_id,
        toDate(hour_at) as from_date,
        1 as is_onward
    from {{ unrated }} final
    where
        (
            reason_code = 'unknown_account'
            and account_id in (
                select account_id
                from {{ ref('stg_control__accounts') }}
                where account_id in (select account_id from {{ unrated }} where reason_code = 'unknown_account')
            )
        )
{% if has_new_terms %}
        or (reason_code = 'no_price' and sku_id in (select sku_id from {{ ref('int_changed_terms') }}))
{% endif %}
{% endif %}
)

select distinct
    account_id,
    sku_id,
    toStartOfMonth(touched.from_date) as month,
    touched.from_date as from_date,
    toBool(touched.is_onward) as is_onward
from touched
