{# How the catalog's free words become the words that FOCUS allows. Change the mapping here; docs/focus.md tells it. #}

{# FOCUS's category of a service, by the name that the catalog gives it; Other where it says nothing. A function of the name
   alone: FOCUS wants one category of each service. #}
{% macro service_category(service) -%}
    {%- set words = {
        'AI and Machine Learning': ['ai', 'ml', 'machine learning', 'inference', 'training', 'ai and machine learning'],
        'Analytics': ['analytics', 'data warehouse', 'streaming'],
        'Compute': ['compute', 'vm', 'virtual machines', 'gpu', 'containers', 'kubernetes', 'functions'],
        'Databases': ['database', 'databases', 'cache'],
        'Identity': ['identity', 'iam'],
        'Integration': ['integration', 'messaging', 'queues'],
        'Management and Governance': ['management and governance', 'monitoring', 'logging', 'observability'],
        'Networking': ['network', 'networking', 'cdn', 'dns', 'load balancing', 'traffic'],
        'Security': ['security', 'kms'],
        'Storage': ['storage', 'object storage', 'block storage', 'file storage', 'backup']
    } -%}
    multiIf(
        {% for category, names in words.items() -%}
        lower({{ service }}) in ('{{ names | join("', '") }}'), '{{ category }}',
        {% endfor -%}
        'Other'
    )
{%- endmacro %}

{# A unit as FOCUS writes it: `GiB-hour` and `gpu_hour` are GiB-Hours and gpu-Hours; others stand as they are. #}
{% macro focus_unit(unit) -%}
    replaceRegexpOne({{ unit }}, '^(.+)[-_ ][Hh]ours?$', '\\1-Hours')
{%- endmacro %}
