-- What each resource consumed in each hour, by metric: with its SKU, or with the reason why it has none.
-- Usage events are aggregated as the SKU says; lifecycle states are weighted by the time they held.
-- Grain: one row per hour_at, account_id, resource_id, project_id, region, metric, sku_id, reason_code.
{{ config(
    materialized='keyed',
    key=['hour_at', 'account_id', 'resource_id', 'project_id', 'region', 'metric', 'sku_id', 'reason_code'],
    order_by=['toDate(hour_at)', 'account_id', 'hour_at', 'resource_id', 'project_id', 'region', 'metric', 'sku_id', 'reason_code'],
    partition_by='toYYYYMM(hour_at)',
    window="{{ of_touched_windows('account_id', 'resource_id', 'hour_at') }}",
    touched="{{ ref('int_touched_windows') }}"
) }}

with skus as (
    select
        sku_id,
        metric,
        region,
        unit,
        aggregation,
        billed_when,
        divisor
    from {{ inlined('stg_catalog__skus') }}
),

-- Cells that are added up already, and need no look at single events.
plain_cells as (
    select *
    from {{ ref('int_usage_cells') }}
    where is_plain
),

other_cells as (
    select
        hour_at,
        account_id,
        resource_id,
        project_id,
        region,
        metric
    from {{ ref('int_usage_cells') }}
    where not is_plain
),

-- All others, with whatever a SKU may ask of their events, so that each event is read once and joined to nothing.
careful_cells as (
    select
        events.hour_at as hour_at,
        events.account_id as account_id,
        events.resource_id as resource_id,
        events.project_id as project_id,
        events.region as region,
        events.metric as metric,
        count() as event_count,
        sum(events.quantity) as total,
        max(events.quantity) as largest,
        uniqExactIf(events.value, events.value != '') as value_count,
        argMax(events.quantity, events.place) as last_quantity,
        argMax(events.labels_hash, events.place) as labels_hash,
        max(events.place) as latest
    from (
        select
            hour_at,
            account_id,
            resource_id,
            project_id,
            region,
            metric,
            quantity,
            value,
            labels_hash,
            {{ place('event_at', 'sequence', 'event_id', 'source') }} as place
        from {{ inlined('stg_events__usage') }}
        where
            (hour_at, account_id, resource_id) in (select hour_at, account_id, resource_id from other_cells)
            and (hour_at, account_id, resource_id, project_id, region, metric) in (select * from other_cells)
            and event_at <= {{ tick('as_of') }}
    ) as events
    group by hour_at, account_id, resource_id, project_id, region, metric
),

metered_plain as (
    select
        cells.hour_at as hour_at,
        cells.account_id as account_id,
        cells.resource_id as resource_id,
        cells.project_id as project_id,
        cells.region as region,
        cells.metric as metric,
        {{ of_sku('sku_id') }} as sku_id,
        {{ of_sku('unit') }} as unit,
        {{ of_sku('aggregation') }} as aggregation,
        {{ of_sku('divisor') }} as divisor,
        multiIf(aggregation = 'count', toDecimal128(cells.event_count, 9), aggregation = 'max', cells.largest, cells.total) as measured,
        if(aggregation = 'time_weighted', 'aggregation_mismatch', '') as reason_code,
        if(divisor = 1, toDecimal256(measured, 12), {{ quantity_of(billionths('measured'), billionths('divisor')) }}) as quantity,
        cells.labels_hash as labels_hash
    from plain_cells as cells
    {{ join_skus('cells') }}
),

usage_hours as (
    select
        cells.hour_at as hour_at,
        cells.account_id as account_id,
        cells.resource_id as resource_id,
        cells.project_id as project_id,
        cells.region as region,
        cells.metric as metric,
        {{ of_sku('sku_id') }} as sku_id,
        {{ of_sku('unit') }} as unit,
        {{ of_sku('aggregation') }} as aggregation,
        {{ of_sku('divisor') }} as divisor,
        multiIf(
            aggregation = 'count', toDecimal128(cells.event_count, 9),
            aggregation = 'max', cells.largest,
            aggregation = 'unique', toDecimal128(cells.value_count, 9),
            aggregation = 'latest', cells.last_quantity,
            cells.total
        ) as measured,
        cells.labels_hash as labels_hash,
        cells.latest as latest
    from careful_cells as cells
    {{ join_skus('cells') }}
),

metered_usage as (
    select
        hour_at,
        account_id,
        resource_id,
        project_id,
        region,
        metric,
        sku_id,
        multiIf(sku_id = '', 'unknown_metric', aggregation = 'time_weighted', 'aggregation_mismatch', '') as reason_code,
        {{ quantity_of(billionths('measured'), billionths("if(sku_id = '', toDecimal128(1, 9), divisor)")) }} as quantity,
        unit,
        labels_hash,
        latest
    from usage_hours
),

-- Only the hours between the first and the last window of an account's resource are laid out, not a whole life.
spans as (
    select
        account_id,
        resource_id,
        min(hour_at) as first_hour_at,
        max(hour_at) as last_hour_at
    from {{ ref('int_touched_windows') }}
    group by account_id, resource_id
),

lives as (
    select
        intervals.account_id as account_id,
        intervals.resource_id as resource_id,
        intervals.project_id as project_id,
        intervals.region as region,
        intervals.state = 'running' as is_running,
        intervals.metrics as metrics,
        {{ labels_hash('intervals.labels') }} as labels_hash,
        {{ place('intervals.started_at', 'intervals.sequence', 'intervals.event_id', 'intervals.source') }} as place,
        greatest(intervals.started_at, spans.first_hour_at) as from_at,
        least(intervals.ended_at, {{ tick('as_of') }}, spans.last_hour_at + toIntervalHour(1)) as to_at
    from {{ ref('int_resource_intervals') }} as intervals
    inner join spans on intervals.account_id = spans.account_id and intervals.resource_id = spans.resource_id
    where
        intervals.resource_id in (select resource_id from {{ ref('int_touched_windows') }})
        and intervals.ended_at > (select min(hour_at) from {{ ref('int_touched_windows') }})
        and from_at < to_at
),

-- Lives cut at the hours, with the milliseconds that a state held in each.
life_hours as (
    select
        account_id,
        resource_id,
        project_id,
        region,
        is_running,
        metrics,
        labels_hash,
        place,
        arrayJoin(arrayMap(
            hour -> toStartOfHour(from_at) + toIntervalHour(hour),
            range(toUInt64(dateDiff('hour', toStartOfHour(from_at), toStartOfHour(to_at - toIntervalMillisecond(1))) + 1))
        )) as hour_at,
        dateDiff('millisecond', greatest(from_at, hour_at), least(to_at, hour_at + toIntervalHour(1))) as held_milliseconds
    from lives
),

-- Whatever a SKU may ask of the states of a cell: of those that run, and of all.
state_cells as (
    select
        hours.hour_at as hour_at,
        hours.account_id as account_id,
        hours.resource_id as resource_id,
        hours.project_id as project_id,
        hours.region as region,
        pair.1 as metric,
        sum({{ billionths('pair.2') }} * hours.held_milliseconds) as held_existing,
        sumIf({{ billionths('pair.2') }} * hours.held_milliseconds, hours.is_running) as held_running,
        countIf(hours.is_running) as running_count,
        argMax(hours.labels_hash, hours.place) as existing_labels_hash,
        argMaxIf(hours.labels_hash, hours.place, hours.is_running) as running_labels_hash,
        max(hours.place) as existing_latest,
        maxIf(hours.place, hours.is_running) as running_latest
    from life_hours as hours
    array join arrayZip(mapKeys(hours.metrics), mapValues(hours.metrics)) as pair
    where ({{ key_hash('toDateTime(hour_at), account_id, resource_id') }}) in (
        select {{ key_hash('toDateTime(hour_at), account_id, resource_id') }} from {{ ref('int_touched_windows') }}
    )
    group by hour_at, account_id, resource_id, project_id, region, metric
),

metered_states as (
    select
        cells.hour_at as hour_at,
        cells.account_id as account_id,
        cells.resource_id as resource_id,
        cells.project_id as project_id,
        cells.region as region,
        cells.metric as metric,
        {{ of_sku('sku_id') }} as sku_id,
        {{ of_sku('aggregation') }} as aggregation,
        aggregation = 'time_weighted' and {{ of_sku('billed_when') }} = 'exists' as is_existing_billed,
        multiIf(sku_id = '', 'unknown_metric', aggregation != 'time_weighted', 'aggregation_mismatch', '') as reason_code,
        {{ quantity_of(
            'if(is_existing_billed, cells.held_existing, cells.held_running)',
            billionths("if(sku_id = '', toDecimal128(1, 9), " ~ of_sku('divisor') ~ ")") ~ ' * toInt256(3600000)'
        ) }} as quantity,
        {{ of_sku('unit') }} as unit,
        if(is_existing_billed, cells.existing_labels_hash, cells.running_labels_hash) as labels_hash,
        if(is_existing_billed, cells.existing_latest, cells.running_latest) as latest
    from state_cells as cells
    {{ join_skus('cells') }}
    where is_existing_billed or cells.running_count > 0
),

metered as (
    select hour_at, account_id, resource_id, project_id, region, metric, sku_id, reason_code, quantity, unit, labels_hash
    from metered_plain

    union all

    -- Usage and states without a SKU share a cell. No plain cell is one of these.
    select
        parts.hour_at as hour_at,
        account_id,
        resource_id,
        project_id,
        region,
        metric,
        sku_id,
        reason_code,
        sum(parts.quantity) as quantity,
        any(parts.unit) as unit,
        argMax(parts.labels_hash, parts.latest) as labels_hash
    from (
        select hour_at, account_id, resource_id, project_id, region, metric, sku_id, reason_code, quantity, unit, labels_hash, latest from metered_usage
        union all
        select hour_at, account_id, resource_id, project_id, region, metric, sku_id, reason_code, quantity, unit, labels_hash, latest from metered_states
    ) as parts
    group by parts.hour_at, account_id, resource_id, project_id, region, metric, sku_id, reason_code
)

select
    toDateTime64(metered.hour_at, 3, 'UTC') as hour_at,
    metered.account_id as account_id,
    metered.resource_id as resource_id,
    metered.project_id as project_id,
    metered.region as region,
    metered.metric as metric,
    metered.sku_id as sku_id,
    metered.reason_code as reason_code,
    metered.quantity as quantity,
    metered.unit as unit,
    metered.labels_hash as labels_hash,
    label_sets.labels as labels
from metered
left any join {{ source('raw', 'label_sets') }} as label_sets on metered.labels_hash = label_sets.labels_hash
