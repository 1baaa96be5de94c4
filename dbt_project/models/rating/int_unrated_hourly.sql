-- Consumption with a SKU that could not be rated: its account is unknown or nothing in its currency has a price.
-- Grain: one row per account_id, project_id, resource_id, region, sku_id, hour_at, reason_code.
{{ config(
    materialized='keyed',
    key=['hour_at', 'account_id', 'sku_id', 'project_id', 'resource_id', 'region', 'reason_code'],
    order_by=['toDate(hour_at)', 'account_id', 'hour_at', 'sku_id', 'project_id', 'resource_id', 'region', 'reason_code'],
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
    rated.metric as metric,
    rated.hour_at as hour_at,
    rated.quantity as quantity,
    rated.unit as unit,
    rated.reason_code as reason_code,
    label_sets.labels as labels
from {{ ref('int_rated_hourly') }} as rated
left any join {{ source('raw', 'label_sets') }} as label_sets on rated.labels_hash = label_sets.labels_hash
where rated.reason_code != ''
