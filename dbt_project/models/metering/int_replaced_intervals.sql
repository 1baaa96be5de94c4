-- Where touched resources stood until now. An event that arrives late can take hours away from an account: only the
-- old intervals still know which. Must run before int_resource_intervals replaces them.
-- Grain: rows may repeat; read with distinct.
{{ config(materialized='touched') }}

{% set intervals = existing('metering', 'int_resource_intervals_versions') -%}
{% if intervals -%}
select
    account_id,
    resource_id,
    started_at,
    ended_at
from {{ intervals }} final
where resource_id in (select resource_id from {{ ref('int_touched_resources') }})
{% else -%}
-- depends_on: {{ ref('int_touched_resources') }}
select
    '' as account_id,
    '' as resource_id,
    toDateTime64(0, 3, 'UTC') as started_at,
    toDateTime64(0, 3, 'UTC') as ended_at
where 0
{% endif %}
