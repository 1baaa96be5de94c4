-- Tax rates of the current catalog. Grain: one row per country_code, tax_name, valid_from.
select
    country_code,
    tax_name,
    percent,
    valid_from,
    valid_to
from {{ source('raw', 'catalog_taxes') }}
where catalog_version = {{ tick('catalog_version') }}
