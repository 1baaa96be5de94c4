-- Consumption that no charge stands for yet, with the reason: unknown_metric, aggregation_mismatch, unknown_account,
-- no_price. It is kept, and rated by itself once the catalog knows it.
-- Grain: one row per account_id, project_id, resource_id, region, sku_id, metric, hour_at, reason_code.
{{ config(materialized='view') }}

select account_id, project_id, resource_id, region, sku_id, metric, hour_at, quantity, unit, reason_code, labels
from {{ ref('int_unrated_hourly') }}

union all

select account_id, project_id, resource_id, region, sku_id, metric, hour_at, quantity, unit, reason_code, labels
from {{ ref('int_metered_hourly') }}
where reason_code != ''
