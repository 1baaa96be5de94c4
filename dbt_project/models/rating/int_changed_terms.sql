-- What a new catalog rates differently, and from which day: the SKUs and accounts whose prices, tiers, discounts or
-- commitments differ from the catalog of the last committed tick. Empty in a tick without a new catalog.
-- Grain: rows may repeat; an empty account_id means all accounts.
{{ config(materialized='view') }}

with versions as (
    select
        {{ tick('catalog_version') }} as current,
        {{ tick('previous_catalog_version') }} as previous
),

skus as (
    select distinct sku_id, service
    from {{ source('raw', 'catalog_skus') }}
    where catalog_version in (select arrayJoin([current, previous]) from versions)
),

terms as (
    select catalog_version, sku_id, account_id, valid_from, cityHash64('price', price_id, currency_code, model, unit_price, package_size, valid_from, valid_to) as fingerprint
    from {{ source('raw', 'catalog_prices') }}

    union all

    select
        tiers.catalog_version as catalog_version,
        prices.sku_id as sku_id,
        prices.account_id as account_id,
        prices.valid_from as valid_from,
        cityHash64('tier', tiers.price_id, tiers.tier, tiers.up_to, tiers.unit_price, tiers.flat_fee) as fingerprint
    from {{ source('raw', 'catalog_price_tiers') }} as tiers
    inner join {{ source('raw', 'catalog_prices') }} as prices
        on tiers.catalog_version = prices.catalog_version and tiers.price_id = prices.price_id

    union all

    select catalog_version, sku_id, account_id, valid_from, cityHash64('commitment', commitment_id, quantity_per_hour, unit_price, valid_from, valid_to) as fingerprint
    from {{ source('raw', 'catalog_commitments') }}

    union all

    select
        discounts.catalog_version as catalog_version,
        skus.sku_id as sku_id,
        discounts.account_id as account_id,
        discounts.valid_from as valid_from,
        cityHash64('discount', discounts.discount_id, discounts.scope_type, discounts.scope_value, discounts.percent, discounts.valid_from, discounts.valid_to) as fingerprint
    from {{ source('raw', 'catalog_discounts') }} as discounts
    cross join skus
    where
        (discounts.scope_type = 'all')
        or (discounts.scope_type = 'service' and discounts.scope_value = skus.service)
        or (discounts.scope_type = 'sku' and discounts.scope_value = skus.sku_id)

    union all

    -- The service of a SKU stands on each charge.
    select catalog_version, sku_id, '' as account_id, toDateTime64(0, 3, 'UTC') as valid_from, cityHash64('sku', service, unit) as fingerprint
    from {{ source('raw', 'catalog_skus') }}
)

select
    sku_id,
    account_id,
    toDate(min(valid_from)) as from_date
from terms
where catalog_version in (select arrayJoin([current, previous]) from versions)
group by sku_id, account_id, fingerprint
having
    (select current != previous from versions)
    and countIf(catalog_version = (select current from versions)) != countIf(catalog_version = (select previous from versions))
