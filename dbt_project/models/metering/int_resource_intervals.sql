-- The life of each resource as half-open intervals [started_at, ended_at) of one unchanged state, from events in any
-- order of arrival. The last interval of a life that has not ended reaches to 2299-12-31; as-of cuts it where it is
-- billed. is_open: still elapsing at as-of, so that a tick finds these without reading the closed ones.
-- An interval is its event up to the next one, and events carry the full state: what had ended before the earliest instant
-- from which a touched resource may differ stays as it is, and is not laid out again.
-- Closed intervals lie by the week of their end, so that a tick reads those that ended lately and not all there ever were.
-- ended_at is of the key: an interval that ends anew leaves its old week as deleted.
-- Grain: one row per source, resource_id, started_at, sequence, kind, event_id.
{{ config(
    materialized='keyed',
    key=['is_open', 'resource_id', 'source', 'started_at', 'sequence', 'kind', 'event_id', 'ended_at'],
    partition_by='if(is_open, toDate(0), toMonday(toDate(ended_at)))',
    window="resource_id in (select resource_id from {{ ref('int_touched_resources') }})
        and ended_at >= (select min(from_at) from {{ ref('int_touched_resources') }})",
    touched="{{ ref('int_touched_resources') }}"
) }}

with events as (
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
        state,
        -- In granules as small as these tables have, keys of low cardinality take three times as long to write.
        cast(metrics, 'Map(String, Decimal(38, 9))') as metrics,
        cast(labels, 'Map(String, String)') as labels
    from {{ ref('stg_events__lifecycle') }}
    where
        resource_id in (select resource_id from {{ ref('int_touched_resources') }})
        and (
            event_at >= (select min(from_at) from {{ ref('int_touched_resources') }})
            or (resource_id, source, event_id) in (select resource_id, source, event_id from {{ ref('int_replaced_intervals') }})
        )
),

ordered as (
    select
        *,
        leadInFrame(event_at, 1, toDateTime64('2299-12-31 00:00:00', 3, 'UTC')) over (
            partition by resource_id, source
            order by event_at asc, sequence asc, kind asc, event_id asc
            rows between unbounded preceding and unbounded following
        ) as ended_at,
        leadInFrame(event_id, 1, '') over (
            partition by resource_id, source
            order by event_at asc, sequence asc, kind asc, event_id asc
            rows between unbounded preceding and unbounded following
        ) as ended_by_event_id
    from events
)

select
    resource_id,
    source,
    event_at as started_at,
    ended_at,
    sequence,
    kind,
    event_id,
    ended_by_event_id,
    account_id,
    project_id,
    region,
    state,
    metrics,
    labels,
    ended_at > {{ tick('as_of') }} as is_open
from ordered
where state != 'deleted' and ended_at > event_at
