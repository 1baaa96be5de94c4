-- Resources whose lifecycle the tick has to lay out anew, and from when on their hours may differ: from the event, and
-- at the latest from the previous as-of, because hours elapsed until an interval that now ends are new as well.
-- Grain: rows may repeat; take min(from_at) by resource_id.
{{ config(materialized='touched') }}

select
    resource_id,
    least(min(first_event_at), {{ tick('previous_as_of') }}) as from_at
from {{ source('raw', 'lifecycle_windows') }}
where batch_seq > {{ tick('from_batch_seq') }} and batch_seq <= {{ tick('to_batch_seq') }}
group by resource_id

union all

select distinct
    resource_id,
    {{ tick('rebuild_from') }} as from_at
from {{ source('raw', 'lifecycle_windows') }}
where {{ tick('rebuild_from') }} < {{ tick('rebuild_to') }}
