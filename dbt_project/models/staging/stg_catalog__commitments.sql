-- Commitments of the current catalog. Grain: one row per commitment_id.
select
    commitment_id,
    account_id,
    sku_id,
    quantity_per_hour,
    unit_price,
    currency_code,
    valid_from,
    valid_to
from {{ source('raw', 'catalog_commitments') }}
where catalog_version = {{ tick('catalog_version') }}
