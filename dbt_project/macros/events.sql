{# Where an event stands among others, as text that sorts like (event_at, sequence, event_id, source): by time, then sequence,
   then the bytes of the texts. Comparing texts is many times faster than comparing tuples. A zero byte within an id is
   escaped, so that the end of the id sorts before every byte that may follow. #}
{% macro place(event_at, sequence, event_id, source) -%}
    concat(
        reinterpretAsFixedString(byteSwap(toUInt64(toUnixTimestamp64Milli({{ event_at }})))),
        reinterpretAsFixedString(byteSwap(bitXor(reinterpretAsUInt64({{ sequence }}), toUInt64('9223372036854775808')))),
        replaceAll({{ event_id }}, '\0', '\0\x01'), '\0\0', {{ source }}
    )
{%- endmacro %}

{# The key of a set of labels in raw.label_sets. Of its text: hashing a map value by value takes three times as long. #}
{% macro labels_hash(labels) -%}
    reinterpretAsUInt128(sipHash128(toString({{ labels }})))
{%- endmacro %}
