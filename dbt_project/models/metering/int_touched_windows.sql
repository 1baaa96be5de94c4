-- The windows this tick measures anew: what new batches touched, what became due, what elapsed for open resources,
-- what a new catalog measures differently, and what a rebuild asks for. Everything after this model derives from it.
-- Grain: rows may repeat; read with min, max or in. One (hour_at, account_id, resource_id) is one window.
{{ config(materialized='touched') }}

{% set metered = existing('metering', 'int_metered_hourly_versions') -%}
{% set rebuilds = is_rebuild() -%}
{% set has_changed_metrics = has_new_catalog() and holds('(select count() from ' ~ ref('int_changed_metrics') ~ ') > 0') -%}

with lives as (
    -- Hours of a resource from the instant its lifecycle may differ: as laid out before and as laid out now.
    select
        account_id,
        resource_id,
        greatest(started_at, from_at) as from_at,
        least(ended_at, {{ tick('as_of') }}, due_to) as to_at
    from (
        select
            intervals.account_id as account_id,
            intervals.resource_id as resource_id,
            intervals.started_at as started_at,
            intervals.ended_at as ended_at,
            resources.from_at as from_at,
            toDateTime64('2299-12-31 00:00:00', 3, 'UTC') as due_to
        from (
            select account_id, resource_id, started_at, ended_at from {{ ref('int_replaced_intervals') }}
            union distinct
            select account_id, resource_id, started_at, ended_at from {{ ref('int_resource_intervals') }}
            where
                resource_id in (select resource_id from {{ ref('int_touched_resources') }})
                -- The rest of a long life is not even compared.
                and ended_at > (select min(from_at) from {{ ref('int_touched_resources') }})
        ) as intervals
        inner join (
            select resource_id, min(from_at) as from_at from {{ ref('int_touched_resources') }} group by resource_id
        ) as resources on intervals.resource_id = resources.resource_id

        union all

        select
            account_id,
            resource_id,
            started_at,
            ended_at,
            {{ tick('previous_as_of') }} as from_at,
            toDateTime64('2299-12-31 00:00:00', 3, 'UTC') as due_to
        from {{ ref('int_resource_intervals') }}
        -- Where no time has passed nothing of them is read.
        where {{ tick('previous_as_of') }} < {{ tick('as_of') }} and is_open and ended_at > {{ tick('previous_as_of') }}
{% if rebuilds %}
        union all

        select
            account_id,
            resource_id,
            started_at,
            ended_at,
            {{ tick('rebuild_from') }} as from_at,
            {{ tick('rebuild_to') }} as due_to
        from {{ ref('int_resource_intervals') }}
{% endif %}
{% if has_changed_metrics %}
        union all

        select
            account_id,
            resource_id,
            started_at,
            ended_at,
            started_at as from_at,
            toDateTime64('2299-12-31 00:00:00', 3, 'UTC') as due_to
        from {{ ref('int_resource_intervals') }}
        where hasAny(mapKeys(metrics), (select groupArray(metric) from {{ ref('int_changed_metrics') }}))
{% endif %}
    )
)

select distinct
    hour_at,
    account_id,
    resource_id
from (
    select
        arrayJoin(arrayMap(
            hour -> toStartOfHour(from_at) + toIntervalHour(hour),
            range(toUInt64(dateDiff('hour', toStartOfHour(from_at), toStartOfHour(to_at - toIntervalMillisecond(1))) + 1))
        )) as hour_at,
        account_id,
        resource_id
    from lives
    where from_at < to_at

    union all

    -- Usage of new batches. Each of these three is found by the batches it is of: together in one condition, all are read.
    select
        hour_at,
        account_id,
        resource_id
    from {{ source('raw', 'usage_windows') }}
    where
        batch_seq > {{ tick('from_batch_seq') }}
        and batch_seq <= {{ tick('to_batch_seq') }}
        and hour_at <= {{ tick('as_of') }}

    union all

    -- Usage of earlier batches that reached past the as-of of their tick and is due now.
    select
        hour_at,
        account_id,
        resource_id
    from {{ source('raw', 'usage_windows') }}
    where
        batch_seq in (select batch_seq from {{ source('ops', 'batches') }} where last_event_at > {{ tick('previous_as_of') }})
        and batch_seq <= {{ tick('from_batch_seq') }}
        and last_event_at > {{ tick('previous_as_of') }}
        and hour_at <= {{ tick('as_of') }}
{% if rebuilds %}
    union all

    select
        hour_at,
        account_id,
        resource_id
    from {{ source('raw', 'usage_windows') }}
    where
        batch_seq <= {{ tick('to_batch_seq') }}
        and hour_at <= {{ tick('as_of') }}
        and hour_at >= toStartOfHour({{ tick('rebuild_from') }})
        and hour_at < {{ tick('rebuild_to') }}
{% endif %}
{% if has_changed_metrics %}
    union all

    select
        hour_at,
        account_id,
        resource_id
    from {{ ref('stg_events__usage') }}
    where
        metric in (select metric from {{ ref('int_changed_metrics') }})
        and event_at <= {{ tick('as_of') }}
{% endif %}
{% if metered and rebuilds %}
    union all

    -- A rebuild also looks at what is stored, so that a row without a cause in raw does not survive it.
    select
        hour_at,
        account_id,
        resource_id
    from {{ metered }}
    where
        hour_at >= toStartOfHour({{ tick('rebuild_from') }})
        and hour_at < {{ tick('rebuild_to') }}
{% endif %}
)
