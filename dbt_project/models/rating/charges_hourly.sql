-- What each hour of each resource costs, before any rounding. Hours of a month add up to its invoice lines exactly.
-- Not included: consumption without a price (unrated_consumption), credits and tax (invoicing).
-- Grain: one row per account_id, project_id, resource_id, region, sku_id, hour_at, charge_type, price_id.
{{ config(
    materialized='keyed',
    key=['hour_at', 'account_id', 'sku_id', 'project_id', 'resource_id', 'region', 'charge_type', 'price_id'],
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
    service,
    hour_at,
    charge_type,
    price_id,
    currency_code,
    quantity,
    unit,
    list_amount_unrounded,
    amount_unrounded,
    discount_id,
    labels
from {{ ref('int_rated_hourly') }}
where reason_code = ''
