-- Discounts of the current catalog. Grain: one row per discount_id.
select
    discount_id,
    account_id,
    scope_type,
    scope_value,
    percent,
    valid_from,
    valid_to
from {{ source('raw', 'catalog_discounts') }}
where catalog_version = {{ tick('catalog_version') }}
