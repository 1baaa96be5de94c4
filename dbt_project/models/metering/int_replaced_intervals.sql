-- The stored intervals that the tick may lay out anew: of touched resources, those that had not ended by the earliest
-- instant from which any of them may differ. An event that arrives late can take hours away from an account: only the old
-- intervals still know which. Must run before int_resource_intervals replaces them.
-- Grain: rows may repeat; read with distinct or in.
{{ config(materialized='touched') }}

{% set intervals = existing('metering', 'int_resource_intervals_versions') -%}
{% if intervals -%}
select
    account_id,
    resource_id,
    started_at,
    ended_at,
    source,
    event_id
from {{ intervals }} final
where
    resource_id in (select resource_id from {{ ref('int_touched_resources') }})
    and ended_at >= (select min(from_at) from {{ ref('int_touched_resources') }})
{% else -%}
-- depends_on: {{ ref('int_touched_resources') }}
select
    '' as account_id,
    '' as resource_id,
    toDateTime64(0, 3, 'UTC') as started_at,
    toDateTime64(0, 3, 'UTC') as ended_at,
    '' as source,
    '' as event_id
where 0
{% endif %}
