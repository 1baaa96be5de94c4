{# Fails with the keys that occur more than once. `scope` keeps a tick's test to what the tick touched, which `touched` knows.
   Keys are counted by hashes: equal keys have equal ones, so none that repeats is overlooked. Only if one does, keys are grouped. #}
{% test grain(model, columns, scope='1', touched='int_touched_days') %}
{%- set in_scope = '1' if checks_everything() else render(scope) %}
-- depends_on: {{ ref(touched) }}
select
    {{ columns | join(', ') }},
    count() as row_count
from {{ model }}
where
    (select count() != uniqExact(cityHash64({{ columns | join(', ') }})) from {{ model }} where {{ in_scope }})
    and {{ in_scope }}
group by {{ columns | join(', ') }}
having row_count > 1
{% endtest %}
