-- What was consumed, by SKU. Zero consumption has a row. Not included: usage whose metric has no SKU, or one of another
-- kind of aggregation (rating.unrated_consumption shows it).
-- Grain: one row per account_id, project_id, resource_id, region, sku_id, hour_at.
{{ config(materialized='view') }}

select
    account_id,
    project_id,
    resource_id,
    region,
    sku_id,
    hour_at,
    quantity,
    unit,
    labels,
    metric
from {{ ref('int_metered_hourly') }}
where reason_code = ''
