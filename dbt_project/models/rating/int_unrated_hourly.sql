-- Consumption with a SKU that could not be rated: its account is unknown or nothing in its currency has a price.
-- Grain: one row per account_id, project_id, resource_id, region, sku_id, hour_at, reason_code.
{{ config(
    materialized='keyed',
    key=['hour_at', 'account_id', 'sku_id', 'project_id', 'resource_id', 'region', 'reason_code'],
    partition_by='toYYYYMM(hour_at)',
    window="hour_at >= (select toDateTime64(min(charge_date), 3, 'UTC') from {{ ref('int_touched_days') }}) and (account_id, sku_id, toDate(hour_at)) in (select account_id, sku_id, charge_date from {{ ref('int_touched_days') }})"
) }}
-- depends_on: {{ ref('int_touched_days') }}

select
    account_id,
    project_id,
    resource_id,
    region,
    sku_id,
    metric,
    hour_at,
    quantity,
    unit,
    reason_code,
    labels
from {{ ref('int_rated_hourly') }}
where reason_code != ''
