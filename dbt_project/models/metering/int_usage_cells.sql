-- Usage events of the touched windows, added up by cell: an hour of a metric of a resource. is_plain: its events may be added
-- up in any order and carry the same labels, so nobody has to look at single events again. That takes reading each event's
-- id, which costs more than all the rest; so few cells should need it.
-- Grain: one row per hour_at, account_id, resource_id, project_id, region, metric.
{{ config(materialized='scratch', order_by='tuple()', touched="{{ ref('int_touched_windows') }}") }}

select
    hour_at,
    account_id,
    resource_id,
    project_id,
    region,
    metric,
    count() as event_count,
    sum(events.quantity) as total,
    max(events.quantity) as largest,
    max(events.labels_hash) as labels_hash,
    min(events.labels_hash) = labels_hash and {{ is_plain('metric', 'region') }} as is_plain
from {{ inlined('stg_events__usage') }} as events
where
    hour_at in (select hour_at from {{ ref('int_touched_windows') }})
    and {{ is_among(['toDateTime(hour_at)', 'account_id', 'resource_id'], ref('int_touched_windows')) }}
    and event_at <= {{ tick('as_of') }}
group by hour_at, account_id, resource_id, project_id, region, metric
