-- SKUs of the current catalog. Grain: one row per sku_id.
select
    sku_id,
    service,
    name,
    metric,
    region,
    unit,
    aggregation,
    billed_when,
    divisor
from {{ source('raw', 'catalog_skus') }}
where catalog_version = {{ tick('catalog_version') }}
