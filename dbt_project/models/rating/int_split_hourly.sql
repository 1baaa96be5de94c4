-- Consumption of the touched sets, split by commitments: what a commitment covers, what it covers but nobody used, and
-- the rest, which is on demand. In an hour the first units belong to the commitments, resources in byte order,
-- commitments one after the other by id.
-- Grain: one row per account_id, project_id, resource_id, region, sku_id, hour_at, charge_type, commitment_id.
{{ config(materialized='table', engine='MergeTree()', order_by='(account_id, sku_id, hour_at)') }}

with consumption as (
    select
        account_id,
        project_id,
        resource_id,
        region,
        sku_id,
        hour_at,
        metric,
        unit,
        labels_hash,
        quantity
    from {{ ref('int_metered_hourly') }}
    where
        reason_code = ''
        and quantity > 0
),

-- Few sets have a commitment: only their consumption is stacked, so that the rest is read once and compared with nothing.
committed_days as (
    select
        account_id,
        sku_id,
        month,
        from_date,
        charge_date
    from {{ ref('int_touched_days') }}
    where (account_id, sku_id) in (select account_id, sku_id from {{ ref('stg_catalog__commitments') }})
),

-- Hours in which a commitment holds, up to as-of, and the units [low, high) of the hour it covers.
committed as (
    select
        account_id,
        sku_id,
        hour_at,
        commitment_id,
        toDecimal256(quantity_per_hour, 12) as committed_quantity,
        sum(toDecimal256(quantity_per_hour, 12)) over (
            partition by account_id, sku_id, hour_at order by commitment_id asc rows between unbounded preceding and current row
        ) as high,
        high - committed_quantity as low
    from (
        select
            commitments.account_id as account_id,
            commitments.sku_id as sku_id,
            commitments.commitment_id as commitment_id,
            commitments.quantity_per_hour as quantity_per_hour,
            greatest(commitments.valid_from, toDateTime64(sets.from_date, 3, 'UTC')) as from_at,
            least(commitments.valid_to, toStartOfHour({{ tick('as_of') }}) + toIntervalHour(1), toDateTime64(addMonths(sets.month, 1), 3, 'UTC')) as to_at,
            arrayJoin(arrayMap(
                hour -> from_at + toIntervalHour(hour), range(toUInt64(greatest(dateDiff('hour', from_at, to_at), 0)))
            )) as hour_at
        from {{ ref('stg_catalog__commitments') }} as commitments
        inner join (select distinct account_id, sku_id, month, from_date from committed_days) as sets
            on commitments.account_id = sets.account_id and commitments.sku_id = sets.sku_id
    )
),

stacked as (
    select
        *,
        sum(quantity) over (
            partition by account_id, sku_id, hour_at
            order by resource_id asc, project_id asc, region asc
            rows between unbounded preceding and current row
        ) as quantity_after,
        quantity_after - quantity as quantity_before
    from consumption
    where
        (toDate(hour_at), account_id, sku_id) in (select charge_date, account_id, sku_id from committed_days)
        and (account_id, sku_id, hour_at) in (select account_id, sku_id, hour_at from committed)
),

covered as (
    select
        stacked.account_id as account_id,
        stacked.project_id as project_id,
        stacked.resource_id as resource_id,
        stacked.region as region,
        stacked.sku_id as sku_id,
        stacked.hour_at as hour_at,
        stacked.metric as metric,
        stacked.unit as unit,
        stacked.labels_hash as labels_hash,
        committed.commitment_id as commitment_id,
        least(stacked.quantity_after, committed.high) - greatest(stacked.quantity_before, committed.low) as quantity
    from stacked
    inner join committed
        on stacked.account_id = committed.account_id
        and stacked.sku_id = committed.sku_id
        and stacked.hour_at = committed.hour_at
    where least(stacked.quantity_after, committed.high) > greatest(stacked.quantity_before, committed.low)
)

select
    account_id, project_id, resource_id, region, sku_id, hour_at, metric, unit, labels_hash,
    'commitment' as charge_type,
    commitment_id,
    quantity
from covered

union all

select
    committed.account_id, '' as project_id, '' as resource_id, '' as region, committed.sku_id, committed.hour_at,
    '' as metric, skus.unit as unit, toUInt128(0) as labels_hash,
    'commitment_unused' as charge_type,
    committed.commitment_id,
    committed.committed_quantity - used.quantity as quantity
from committed
left any join (
    select account_id, sku_id, hour_at, commitment_id, sum(covered.quantity) as quantity
    from covered
    group by account_id, sku_id, hour_at, commitment_id
) as used
    on committed.account_id = used.account_id
    and committed.sku_id = used.sku_id
    and committed.hour_at = used.hour_at
    and committed.commitment_id = used.commitment_id
left any join {{ ref('stg_catalog__skus') }} as skus on committed.sku_id = skus.sku_id
where
    committed.committed_quantity > used.quantity
    and committed.hour_at + toIntervalHour(1) <= {{ tick('as_of') }}

union all

select
    stacked.account_id, stacked.project_id, stacked.resource_id, stacked.region, stacked.sku_id, stacked.hour_at,
    stacked.metric, stacked.unit, stacked.labels_hash,
    'usage' as charge_type,
    '' as commitment_id,
    stacked.quantity_after - greatest(stacked.quantity_before, tops.high) as quantity
from stacked
inner join (
    select account_id, sku_id, hour_at, max(high) as high from committed group by account_id, sku_id, hour_at
) as tops
    on stacked.account_id = tops.account_id and stacked.sku_id = tops.sku_id and stacked.hour_at = tops.hour_at
where stacked.quantity_after > tops.high

union all

select
    account_id, project_id, resource_id, region, sku_id, hour_at, metric, unit, labels_hash,
    'usage' as charge_type,
    '' as commitment_id,
    quantity
from consumption
where
    (toDate(hour_at), account_id, sku_id) in (select charge_date, account_id, sku_id from {{ ref('int_touched_days') }})
    and (account_id, sku_id, hour_at) not in (select account_id, sku_id, hour_at from committed)
