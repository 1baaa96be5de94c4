"""How a Parquet file becomes lines: one column `line`, or the columns of an event put together as JSON text."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.errors import InputError

EVENT_COLUMNS = ("id", "source", "type", "subject", "time", "data")


def lines_of(path: Path) -> tuple[str, str]:
    """SQL of the text of a row, and the structure for input(), from the file's own schema.

    Raises:
        InputError: the file is no Parquet, or has neither a column `line` nor all columns of an event.
    """
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not a whole Parquet file ({str(error).splitlines()[0]}); nothing of it was loaded") from error
    names = set(schema.names)
    if "line" in names:
        return "ifNull(line, '')", "line Nullable(String)"
    missing = [name for name in EVENT_COLUMNS if name not in names]
    if missing:
        raise InputError(f"{path}: column {missing[0]} is missing; a Parquet file has one column line, or {', '.join(EVENT_COLUMNS)}")
    if pa.types.is_timestamp(schema.field("time").type):
        time_type, time = "Nullable(DateTime64(9, 'UTC'))", "concat(replaceOne(toString(time), ' ', 'T'), 'Z')"
    else:
        time_type, time = "Nullable(String)", "time"
    texts = {name: time if name == "time" else name for name in EVENT_COLUMNS[:-1]}
    members = [f"if(isNull({name}), '', concat('\"{name}\":', toJSONString(assumeNotNull({sql})), ','))" for name, sql in texts.items()]
    line = f"concat('{{\"specversion\":\"1.0\",', {', '.join(members)}, '\"data\":', ifNull(data, 'null'), '}}')"
    structure = ", ".join(f"{name} {time_type if name == 'time' else 'Nullable(String)'}" for name in EVENT_COLUMNS)
    return line, structure
