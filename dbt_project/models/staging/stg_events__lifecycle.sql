-- The full state of a resource after a change. Grain: one row per accepted resource.* event.
select
    source,
    event_id,
    resource_id,
    event_at,
    kind,
    sequence,
    account_id,
    project_id,
    region,
    resource_type,
    state,
    metrics,
    labels,
    batch_seq
from {{ source('raw', 'lifecycle_events') }}
