-- The tick that runs, or the last one that ran.
-- Grain: one row.
select
    tick_id,
    previous_tick_id,
    as_of,
    previous_as_of,
    from_batch_seq,
    to_batch_seq,
    catalog_version,
    previous_catalog_version,
    rebuild_from,
    rebuild_to,
    seller_country,
    previous_seller_country,
    control_revision,
    previous_control_revision
from {{ source('ops', 'ticks') }}
order by tick_id desc, status asc
limit 1
