-- Projects that have a name. Grain: one row per project_id.
select
    project_id,
    account_id,
    name
from {{ source('raw', 'control_projects') }} final
