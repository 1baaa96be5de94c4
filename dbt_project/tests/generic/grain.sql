{# Fails with the keys that occur more than once. `where` keeps a tick's test to what the tick touched. #}
{% test grain(model, columns, scope='1') %}
-- depends_on: {{ ref('int_touched_days') }}
select
    {{ columns | join(', ') }},
    count() as row_count
from {{ model }}
where {{ '1' if checks_everything() else render(scope) }}
group by {{ columns | join(', ') }}
having row_count > 1
{% endtest %}
