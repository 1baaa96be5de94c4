-- Metrics whose SKUs differ between the catalog of the last committed tick and the current one: their consumption is
-- measured anew. Empty in a tick without a new catalog, and in the first one, which measures everything.
-- Grain: one row per metric.
{{ config(materialized='view') }}

with skus as (
    select
        metric,
        catalog_version,
        (sku_id, region, unit, aggregation, billed_when, divisor) as definition
    from {{ source('raw', 'catalog_skus') }}
    where catalog_version in ({{ tick('catalog_version') }}, {{ tick('previous_catalog_version') }})
)

select metric
from skus
group by metric
having
    {{ tick('catalog_version') }} != {{ tick('previous_catalog_version') }}
    and {{ tick('previous_tick_id') }} > 0
    and arraySort(groupArrayIf(definition, catalog_version = {{ tick('catalog_version') }}))
    != arraySort(groupArrayIf(definition, catalog_version = {{ tick('previous_catalog_version') }}))
