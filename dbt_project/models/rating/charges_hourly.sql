-- What each hour of each resource costs, before any rounding. Hours of a month add up to its invoice lines exactly.
-- Not included: consumption without a price (unrated_consumption), credits and tax (invoicing).
-- Grain: one row per account_id, project_id, resource_id, region, sku_id, hour_at, charge_type, price_id.
{{ config(
    materialized='keyed',
    key=['hour_at', 'account_id', 'sku_id', 'project_id', 'resource_id', 'region', 'charge_type', 'price_id'],
    order_by=['toDate(hour_at)', 'account_id', 'hour_at', 'sku_id', 'project_id', 'resource_id', 'region', 'charge_type', 'price_id'],
    partition_by='toYYYYMM(hour_at)',
    window="{{ to_rate('account_id', 'sku_id', 'hour_at') }}",
    touched="{{ ref('int_touched_days') }}"
) }}
-- depends_on: {{ ref('int_touched_days') }}

select
    rated.account_id as account_id,
    rated.project_id as project_id,
    rated.resource_id as resource_id,
    rated.region as region,
    rated.sku_id as sku_id,
    rated.service as service,
    rated.hour_at as hour_at,
    rated.charge_type as charge_type,
    rated.price_id as price_id,
    rated.currency_code as currency_code,
    rated.quantity as quantity,
    rated.unit as unit,
    rated.list_amount_unrounded as list_amount_unrounded,
    rated.amount_unrounded as amount_unrounded,
    rated.discount_id as discount_id,
    label_sets.labels as labels
from {{ ref('int_rated_hourly') }} as rated
left any join {{ source('raw', 'label_sets') }} as label_sets on rated.labels_hash = label_sets.labels_hash
where rated.reason_code = ''
