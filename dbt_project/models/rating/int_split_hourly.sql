-- Consumption of the touched sets, split by commitments: what a commitment covers, what it covers but nobody used, and
-- the rest, which is on demand. In an hour the first units belong to the commitments, resources in byte order,
-- commitments one after the other by id.
-- Grain: one row per account_id, project_id, resource_id, region, sku_id, hour_at, charge_type, commitment_id.
{{ config(materialized='scratch', order_by='(account_id, sku_id, hour_at)', touched="{{ ref('int_touched_days') }}") }}

{#- Few sets have a commitment: only their consumption is stacked, so that the rest is read once and compared with nothing. #}
{% set committed_days -%}
    select account_id, sku_id, charge_date
    from {{ ref('int_touched_days') }}
    where (account_id, sku_id) in (select account_id, sku_id from {{ inlined('stg_catalog__commitments') }})
{%- endset -%}
{% set has_commitments = holds('(select count() from (' ~ committed_days ~ ' limit 1)) > 0') -%}

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
{% if has_commitments %}
-- Hours of these days in which a commitment holds, up to as-of, and the units [low, high) of the hour it covers.
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
            greatest(commitments.valid_from, toDateTime64(days.charge_date, 3, 'UTC')) as from_at,
            least(commitments.valid_to, toStartOfHour({{ tick('as_of') }}) + toIntervalHour(1), toDateTime64(days.charge_date + 1, 3, 'UTC')) as to_at,
            arrayJoin(arrayMap(
                hour -> from_at + toIntervalHour(hour), range(toUInt64(greatest(dateDiff('hour', from_at, to_at), 0)))
            )) as hour_at
        from {{ inlined('stg_catalog__commitments') }} as commitments
        inner join ({{ committed_days }}) as days on commitments.account_id = days.account_id and commitments.sku_id = days.sku_id
    )
),

-- The commitments of an hour, and where the last of them ends.
committed_hours as (
    select
        account_id,
        sku_id,
        hour_at,
        groupArray((commitment_id, low, high)) as commitments,
        max(high) as top
    from committed
    group by account_id, sku_id, hour_at
),

committed_consumption as (
    select *
    from consumption
    where
        (toDate(hour_at), account_id, sku_id) in (select charge_date, account_id, sku_id from ({{ committed_days }}))
        and (account_id, sku_id, hour_at) in (select account_id, sku_id, hour_at from committed)
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
    from committed_consumption
),
{% endif %}
on_demand as (
    select
        account_id, project_id, resource_id, region, sku_id, hour_at, metric, unit, labels_hash,
        'usage' as charge_type,
        '' as commitment_id,
        quantity
    from consumption
    where
        {{ to_rate('account_id', 'sku_id', 'hour_at') }}
{% if has_commitments %}
        and ({{ key_hash('account_id, sku_id, hour_at') }}) not in (select {{ key_hash('account_id, sku_id, hour_at') }} from committed)
{% endif %}
)
{% if has_commitments %}
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
    part.1 as charge_type,
    part.2 as commitment_id,
    part.3 as quantity
from stacked
inner join committed_hours as hours
    on stacked.account_id = hours.account_id
    and stacked.sku_id = hours.sku_id
    and stacked.hour_at = hours.hour_at
array join arrayFilter(
    share -> share.3 > 0,
    arrayPushBack(
        arrayMap(
            commitment -> (
                'commitment', commitment.1, least(stacked.quantity_after, commitment.3) - greatest(stacked.quantity_before, commitment.2)
            ),
            hours.commitments
        ),
        ('usage', '', stacked.quantity_after - greatest(stacked.quantity_before, hours.top))
    )
) as part

union all

-- What an hour used of a commitment [low, high) is what its total reaches of it.
select
    committed.account_id, '' as project_id, '' as resource_id, '' as region, committed.sku_id, committed.hour_at,
    '' as metric, skus.unit as unit, toUInt128(0) as labels_hash,
    'commitment_unused' as charge_type,
    committed.commitment_id,
    committed.high - greatest(committed.low, totals.quantity) as quantity
from committed
left any join (
    select account_id, sku_id, hour_at, sum(hours.quantity) as quantity
    from committed_consumption as hours
    group by account_id, sku_id, hour_at
) as totals
    on committed.account_id = totals.account_id
    and committed.sku_id = totals.sku_id
    and committed.hour_at = totals.hour_at
left any join {{ inlined('stg_catalog__skus') }} as skus on committed.sku_id = skus.sku_id
where
    committed.high > greatest(committed.low, totals.quantity)
    and committed.hour_at + toIntervalHour(1) <= {{ tick('as_of') }}

union all
{% endif %}
select *
from on_demand
