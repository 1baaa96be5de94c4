-- Metered usage at an instant. Grain: one row per accepted usage.recorded event.
select
    source,
    event_id,
    resource_id,
    event_at,
    toStartOfHour(event_at) as hour_at,
    account_id,
    project_id,
    region,
    metric,
    quantity,
    value,
    labels_hash,
    sequence,
    batch_seq
from {{ source('raw', 'usage_events') }}
