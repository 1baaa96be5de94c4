{# Fails with the keys that occur more than once. `scope` keeps a tick's test to what the tick touched, which `touched` knows. #}
{% test grain(model, columns, scope='1', touched='int_touched_days') %}
-- depends_on: {{ ref(touched) }}
select
    {{ columns | join(', ') }},
    count() as row_count
from {{ model }}
where {{ '1' if checks_everything() else render(scope) }}
group by {{ columns | join(', ') }}
having row_count > 1
{% endtest %}
