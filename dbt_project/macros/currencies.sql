{# Digits after the point of a currency's minor unit (ISO 4217). The same table as warehouse/currencies.py; a test compares them. #}
{% macro minor_units(currency_code) -%}
    multiIf(
        {{ currency_code }} in ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI', 'VND', 'VUV', 'XAF', 'XOF', 'XPF'), 0,
        {{ currency_code }} in ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND'), 3,
        {{ currency_code }} in ('CLF', 'UYW'), 4,
        2
    )
{%- endmacro %}

{# The id of a document: the same for the same account, period, kind and adjusted period, whoever computes it. #}
{% macro invoice_id(account_id, period, kind, adjusted_period) -%}
    concat('inv_', substring(lower(hex(SHA256(arrayStringConcat([{{ account_id }}, {{ period }}, {{ kind }}, {{ adjusted_period }}], '\x1f')))), 1, 24))
{%- endmacro %}
