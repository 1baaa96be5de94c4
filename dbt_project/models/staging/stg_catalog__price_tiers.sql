-- Tiers of the current catalog's prices. Grain: one row per price_id, tier.
select
    price_id,
    tier,
    up_to,
    is_last,
    unit_price,
    flat_fee
from {{ source('raw', 'catalog_price_tiers') }}
where catalog_version = {{ tick('catalog_version') }}
