-- What each resource consumed in each hour, by metric: with its SKU, or with the reason why it has none.
-- Usage events are aggregated as the SKU says; lifecycle states are weighted by the time they held.
-- Grain: one row per hour_at, account_id, resource_id, project_id, region, metric, sku_id, reason_code.
{{ config(
    materialized='keyed',
    key=['hour_at', 'account_id', 'resource_id', 'project_id', 'region', 'metric', 'sku_id', 'reason_code'],
    partition_by='toYYYYMM(hour_at)',
    window="hour_at in (select hour_at from {{ ref('int_touched_windows') }}) and (hour_at, account_id, resource_id) in (select hour_at, account_id, resource_id from {{ ref('int_touched_windows') }})"
) }}

with windows as (
    select distinct
        hour_at,
        account_id,
        resource_id
    from {{ ref('int_touched_windows') }}
),

skus as (
    select
        sku_id,
        metric,
        region,
        unit,
        aggregation,
        billed_when,
        divisor
    from {{ ref('stg_catalog__skus') }}
),

-- Whatever a SKU may ask of the events of a cell, so that each event is read once and joined to nothing.
usage_cells as (
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
        uniqExactIf(events.value, events.value != '' and events.metric in (select metric from skus where aggregation = 'unique')) as value_count,
        argMaxIf(events.quantity, events.place, events.metric in (select metric from skus where aggregation = 'latest')) as last_quantity,
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
        from {{ ref('stg_events__usage') }}
        where
            hour_at in (select hour_at from windows)
            and (hour_at, account_id, resource_id) in (select hour_at, account_id, resource_id from windows)
            and event_at <= {{ tick('as_of') }}
    ) as events
    group by hour_at, account_id, resource_id, project_id, region, metric
),

-- A SKU of the region beats the one for all regions.
usage_hours as (
    select
        cells.hour_at as hour_at,
        cells.account_id as account_id,
        cells.resource_id as resource_id,
        cells.project_id as project_id,
        cells.region as region,
        cells.metric as metric,
        if(regional.sku_id != '', regional.sku_id, general.sku_id) as sku_id,
        if(regional.sku_id != '', regional.unit, general.unit) as unit,
        if(regional.sku_id != '', regional.aggregation, general.aggregation) as aggregation,
        if(regional.sku_id != '', regional.divisor, general.divisor) as divisor,
        multiIf(
            aggregation = 'count', toDecimal128(cells.event_count, 9),
            aggregation = 'max', cells.largest,
            aggregation = 'unique', toDecimal128(cells.value_count, 9),
            aggregation = 'latest', cells.last_quantity,
            cells.total
        ) as measured,
        cells.labels_hash as labels_hash,
        cells.latest as latest
    from usage_cells as cells
    left any join skus as regional on cells.metric = regional.metric and cells.region = regional.region
    left any join (select * from skus where region = '') as general on cells.metric = general.metric
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
    from windows
    group by account_id, resource_id
),

state_metrics as (
    select
        intervals.account_id as account_id,
        intervals.resource_id as resource_id,
        intervals.project_id as project_id,
        intervals.region as region,
        intervals.state as state,
        {{ labels_hash('intervals.labels') }} as labels_hash,
        {{ place('intervals.started_at', 'intervals.sequence', 'intervals.event_id', 'intervals.source') }} as latest,
        intervals.started_at as started_at,
        greatest(intervals.started_at, spans.first_hour_at) as from_at,
        least(intervals.ended_at, {{ tick('as_of') }}, spans.last_hour_at + toIntervalHour(1)) as to_at,
        pair.1 as metric,
        pair.2 as held
    from {{ ref('int_resource_intervals') }} as intervals
    inner join spans on intervals.account_id = spans.account_id and intervals.resource_id = spans.resource_id
    array join arrayZip(mapKeys(intervals.metrics), mapValues(intervals.metrics)) as pair
    where intervals.resource_id in (select resource_id from windows) and from_at < to_at
),

state_sku_of as (
    select
        pairs.metric as metric,
        pairs.region as region,
        if(regional.sku_id != '', regional.sku_id, general.sku_id) as sku_id,
        if(regional.sku_id != '', regional.unit, general.unit) as unit,
        if(regional.sku_id != '', regional.aggregation, general.aggregation) as aggregation,
        if(regional.sku_id != '', regional.billed_when, general.billed_when) as billed_when,
        if(regional.sku_id != '', regional.divisor, general.divisor) as divisor
    from (select distinct metric, region from state_metrics) as pairs
    left any join skus as regional on pairs.metric = regional.metric and pairs.region = regional.region
    left any join (select * from skus where region = '') as general on pairs.metric = general.metric
),

state_hours as (
    select
        states.account_id as account_id,
        states.resource_id as resource_id,
        states.project_id as project_id,
        states.region as region,
        states.metric as metric,
        states.labels_hash as labels_hash,
        states.latest as latest,
        {{ billionths('states.held') }} as held_billionths,
        state_sku_of.sku_id as sku_id,
        state_sku_of.unit as unit,
        state_sku_of.aggregation as aggregation,
        state_sku_of.divisor as divisor,
        states.from_at as from_at,
        states.to_at as to_at,
        arrayJoin(arrayMap(
            hour -> toStartOfHour(states.from_at) + toIntervalHour(hour),
            range(toUInt64(dateDiff('hour', toStartOfHour(states.from_at), toStartOfHour(states.to_at - toIntervalMillisecond(1))) + 1))
        )) as hour_at
    from state_metrics as states
    inner join state_sku_of on states.metric = state_sku_of.metric and states.region = state_sku_of.region
    where states.state = 'running' or (state_sku_of.aggregation = 'time_weighted' and state_sku_of.billed_when = 'exists')
),

metered_states as (
    select
        hour_at,
        account_id,
        resource_id,
        project_id,
        region,
        metric,
        sku_id,
        multiIf(hours.sku_id = '', 'unknown_metric', any(hours.aggregation) != 'time_weighted', 'aggregation_mismatch', '') as reason_code,
        {{ quantity_of(
            "sum(hours.held_billionths * dateDiff('millisecond', greatest(hours.from_at, hours.hour_at), least(hours.to_at, hours.hour_at + toIntervalHour(1))))",
            billionths("if(hours.sku_id = '', toDecimal128(1, 9), any(hours.divisor))") ~ ' * toInt256(3600000)'
        ) }} as quantity,
        any(hours.unit) as unit,
        argMax(hours.labels_hash, hours.latest) as labels_hash,
        max(hours.latest) as latest
    from state_hours as hours
    where (hour_at, account_id, resource_id) in (select hour_at, account_id, resource_id from windows)
    group by hour_at, account_id, resource_id, project_id, region, metric, sku_id
),

metered as (
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
    label_sets.labels as labels
from metered
left any join {{ source('raw', 'label_sets') }} as label_sets on metered.labels_hash = label_sets.labels_hash
