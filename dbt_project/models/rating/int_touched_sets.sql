-- What the tick rates anew: an account's month of a SKU, from a day on. A month's earlier days keep their charges and
-- hand over their quantity (int_on_demand_daily), so that a day's tick costs the day.
-- Grain: rows may repeat; take min(from_date) by account_id, sku_id, month.
{{ config(materialized='touched') }}
-- depends_on: {{ ref('int_changed_terms') }}, {{ ref('stg_control__accounts') }}

{% set unrated = existing('rating', 'int_unrated_hourly_versions') -%}
{% set charges = existing('rating', 'int_charged_daily_versions') -%}

with commitment_hours as (
    -- Hours of a commitment that have ended since the last tick: their unused part is due, with or without usage.
    select
        account_id,
        sku_id,
        greatest(valid_from, least({{ tick('previous_as_of_hour_at') }}, toDateTime64({{ tick('as_of_hour_at') }}, 3, 'UTC'))) as from_at,
        least(valid_to, {{ tick('as_of_hour_at') }}) as to_at
    from {{ ref('stg_catalog__commitments') }}

    union all

    select
        account_id,
        sku_id,
        greatest(valid_from, {{ tick('rebuild_from') }}) as from_at,
        least(valid_to, {{ tick('as_of_hour_at') }}, {{ tick('rebuild_to') }}) as to_at
    from {{ ref('stg_catalog__commitments') }}

    union all

    select
        commitments.account_id as account_id,
        commitments.sku_id as sku_id,
        commitments.valid_from as from_at,
        least(commitments.valid_to, {{ tick('as_of_hour_at') }}) as to_at
    from {{ ref('stg_catalog__commitments') }} as commitments
    inner join {{ ref('int_changed_terms') }} as terms on commitments.sku_id = terms.sku_id
    where terms.account_id in ('', commitments.account_id)
),

touched as (
    -- Consumption written since the last committed tick, rows that vanished included.
    select
        account_id,
        sku_id,
        toDate(hour_at) as from_date
    from {{ versions_of(ref('int_metered_hourly')) }}
    where
        (toDate(hour_at), account_id, hour_at) in (select toDate(hour_at), account_id, hour_at from {{ ref('int_touched_windows') }})
        and _version > {{ tick('previous_tick_id') }}
        and sku_id != ''

    union all

    select
        account_id,
        sku_id,
        if(toStartOfMonth(toDate(from_at)) = month, toDate(from_at), month) as from_date
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
{% if charges %}
    union all

    -- New terms, on every set that has consumption or charges in the months they can reach.
    select
        stored.account_id as account_id,
        stored.sku_id as sku_id,
        greatest(stored.charge_date, terms.from_date) as from_date
    from (
        select distinct account_id, sku_id, charge_date
        from {{ charges }} final
        where (select count() from {{ ref('int_changed_terms') }}) > 0
    ) as stored
    inner join {{ ref('int_changed_terms') }} as terms on stored.sku_id = terms.sku_id
    where terms.account_id in ('', stored.account_id) and stored.charge_date >= terms.from_date

    union all

    select
        account_id,
        sku_id,
        charge_date as from_date
    from {{ charges }} final
    where
        {{ tick('rebuild_from') }} < {{ tick('rebuild_to') }}
        and charge_date >= toDate({{ tick('rebuild_from') }})
        and charge_date <= toDate({{ tick('rebuild_to') }})
{% endif %}
{% if unrated %}
    union all

    -- Unrated until now: accounts that have become known, and SKUs with new terms.
    select
        account_id,
        sku_id,
        toDate(hour_at) as from_date
    from {{ unrated }} final
    where
        (reason_code = 'unknown_account' and account_id in (select account_id from {{ ref('stg_control__accounts') }}))
        or (reason_code = 'no_price' and sku_id in (select sku_id from {{ ref('int_changed_terms') }}))
{% endif %}
)

select
    account_id,
    sku_id,
    toStartOfMonth(touched.from_date) as month,
    min(touched.from_date) as from_date
from touched
group by account_id, sku_id, month
