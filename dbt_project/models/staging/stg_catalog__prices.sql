-- Prices of the current catalog. Grain: one row per price_id.
select
    price_id,
    sku_id,
    account_id,
    currency_code,
    model,
    unit_price,
    package_size,
    valid_from,
    valid_to
from {{ source('raw', 'catalog_prices') }}
where catalog_version = {{ tick('catalog_version') }}
