"""The embedded server's configuration files: ports, memory, log, users and what each may do.

The engine has no writable user storage, so users are this file: an administrator, the pipeline, and a read-only analyst
who sees the public layers and nothing of raw personal data or passwords. The engine's own session needs a user without a
password: its quota is the three statements that session runs, so nobody else can run one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from pathlib import Path
from xml.sax.saxutils import escape

ANALYST_LAYERS = ("staging", "metering", "rating", "invoicing", "finops", "ops")

_CONFIG = """<clickhouse>
  <logger><level>warning</level><console>1</console></logger>
  <listen_host>127.0.0.1</listen_host>
  <http_port>{http_port}</http_port>
  <tcp_port>{tcp_port}</tcp_port>
  <path>{base}/data/</path>
  <users_config>{base}/users.xml</users_config>
  <keep_alive_timeout>30</keep_alive_timeout>
  <max_concurrent_queries>200</max_concurrent_queries>
  <max_server_memory_usage_to_ram_ratio>0.8</max_server_memory_usage_to_ram_ratio>
  <mark_cache_size>536870912</mark_cache_size>
  <!-- Between two handfuls of parts that a mutation writes the server waits a random part of this, by default of a second. -->
  <background_processing_pool_task_sleep_seconds_when_no_work_random_part>0.01</background_processing_pool_task_sleep_seconds_when_no_work_random_part>
</clickhouse>
"""

_USERS = """<clickhouse>
  <profiles>
    <default/>
    <pipeline>
      <max_partitions_per_insert_block>1000</max_partitions_per_insert_block>
      <os_threads_nice_value_query>10</os_threads_nice_value_query>
      <os_threads_nice_value_materialized_view>10</os_threads_nice_value_materialized_view>
      <!-- A function takes longer to compile than a small tick's statements take to run it, and a large one's run no faster. -->
      <compile_expressions>0</compile_expressions>
      <compile_aggregate_expressions>0</compile_aggregate_expressions>
      <compile_sort_description>0</compile_sort_description>
    </pipeline>
    <readonly>
      <readonly>2</readonly>
      <max_execution_time>300</max_execution_time>
      <max_memory_usage>4000000000</max_memory_usage>
      <!-- With it the planner moves functions over a sort to and fro in deep views, until it gives up. -->
      <query_plan_execute_functions_after_sorting>0</query_plan_execute_functions_after_sorting>
    </readonly>
  </profiles>
  <quotas>
    <default/>
    <engine><interval><duration>315360000</duration><queries>3</queries></interval></engine>
  </quotas>
  <users>
    <default>
      <no_password/>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile>
      <quota>engine</quota>
      <grants>
        <query>GRANT SYSTEM LISTEN ON *.*</query>
        <query>GRANT READ ON FILE</query>
        <query>GRANT CREATE TEMPORARY TABLE ON *.*</query>
      </grants>
    </default>
{users}  </users>
</clickhouse>
"""

_USER = """    <{name}>
      <password_sha256_hex>{digest}</password_sha256_hex>
      <networks><ip>127.0.0.1</ip><ip>::1</ip></networks>
      <profile>{profile}</profile>
      <quota>default</quota>
{extra}    </{name}>
"""


def write_configuration(
    base: Path, *, http_port: int, tcp_port: int, passwords: dict[str, str], database_prefixes: Collection[str]
) -> None:
    """Write config.xml and users.xml below `base`; users.xml holds password digests only and has mode 0600."""
    grants = "".join(
        f"        <query>GRANT SELECT, SHOW ON {prefix}{layer}.*</query>\n" for prefix in database_prefixes for layer in ANALYST_LAYERS
    )
    system = "        <query>GRANT SELECT ON system.one</query>\n        <query>GRANT SELECT ON system.numbers</query>\n"
    extras = {
        "admin": "      <access_management>1</access_management>\n",
        "pipeline": "",
        "analyst": f"      <grants>\n{grants}{system}      </grants>\n",
    }
    profiles = {"admin": "default", "pipeline": "pipeline", "analyst": "readonly"}
    users = "".join(
        _USER.format(name=name, digest=hashlib.sha256(password.encode()).hexdigest(), profile=profiles[name], extra=extras[name])
        for name, password in passwords.items()
    )
    (base / "config.xml").write_text(_CONFIG.format(base=escape(str(base)), http_port=http_port, tcp_port=tcp_port))
    descriptor = os.open(base / "users.xml", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(_USERS.format(users=users))
