{# Fails with the keys that occur more than once. `scope` keeps a tick's test to what the tick touched, which `touched` knows.
   `columns` are the key, or the name of a table whose keys int_fingerprints has counted. Others are counted here by hashes:
   equal keys have equal ones, so none that repeats is overlooked. Only if one does, keys are grouped. #}
{% test grain(model, columns, scope='1', touched='int_touched_days') %}
{%- set in_scope = '1' if checks_everything() else render(scope) %}
{%- set key = (grain_of(columns) if columns is string else columns) | join(', ') %}
-- depends_on: {{ ref(touched) }}
select
    {{ key }},
    count() as row_count
from {{ model }}
where
    {% if columns is string -%}
    {{ fingerprint_of(columns, 'row_count != key_count') }}
    {%- else -%}
    (select count() != uniqExact(cityHash64({{ key }})) from {{ model }} where {{ in_scope }})
    {%- endif %}
    and {{ in_scope }}
group by {{ key }}
having row_count > 1
{% endtest %}
