-- Days that are added up for a month lie by week, and intervals by the week of their end: a tick reads and writes the last one,
-- and weeks that are over are merged once. They belong to dbt, which makes them so where they are not there yet. FINAL, because
-- the end of an interval was not of its key: of what stood under one key only the last may be taken over.
-- IF EXISTS ${rating}.int_charged_daily_versions
CREATE OR REPLACE TABLE ${rating}.int_charged_daily_versions_by_week
ENGINE = ReplacingMergeTree(_version, _is_deleted)
PARTITION BY toMonday(charge_date)
ORDER BY (account_id, sku_id, charge_date, charge_type, price_id)
SETTINGS index_granularity = 256
AS SELECT * FROM ${rating}.int_charged_daily_versions FINAL
SETTINGS max_partitions_per_insert_block = 1000;

-- IF EXISTS ${rating}.int_charged_daily_versions_by_week
OPTIMIZE TABLE ${rating}.int_charged_daily_versions_by_week FINAL;

-- IF EXISTS ${rating}.int_charged_daily_versions_by_week
EXCHANGE TABLES ${rating}.int_charged_daily_versions AND ${rating}.int_charged_daily_versions_by_week;

DROP TABLE IF EXISTS ${rating}.int_charged_daily_versions_by_week SYNC;

-- IF EXISTS ${rating}.int_on_demand_daily_versions
CREATE OR REPLACE TABLE ${rating}.int_on_demand_daily_versions_by_week
ENGINE = ReplacingMergeTree(_version, _is_deleted)
PARTITION BY toMonday(charge_date)
ORDER BY (account_id, sku_id, charge_date)
SETTINGS index_granularity = 256
AS SELECT * FROM ${rating}.int_on_demand_daily_versions FINAL
SETTINGS max_partitions_per_insert_block = 1000;

-- IF EXISTS ${rating}.int_on_demand_daily_versions_by_week
OPTIMIZE TABLE ${rating}.int_on_demand_daily_versions_by_week FINAL;

-- IF EXISTS ${rating}.int_on_demand_daily_versions_by_week
EXCHANGE TABLES ${rating}.int_on_demand_daily_versions AND ${rating}.int_on_demand_daily_versions_by_week;

DROP TABLE IF EXISTS ${rating}.int_on_demand_daily_versions_by_week SYNC;

-- IF EXISTS ${metering}.int_resource_intervals_versions
CREATE OR REPLACE TABLE ${metering}.int_resource_intervals_versions_by_week
ENGINE = ReplacingMergeTree(_version, _is_deleted)
PARTITION BY if(is_open, toDate(0), toMonday(toDate(ended_at)))
ORDER BY (is_open, resource_id, source, started_at, sequence, kind, event_id, ended_at)
SETTINGS index_granularity = 256
AS SELECT * FROM ${metering}.int_resource_intervals_versions FINAL
SETTINGS max_partitions_per_insert_block = 1000;

-- IF EXISTS ${metering}.int_resource_intervals_versions_by_week
OPTIMIZE TABLE ${metering}.int_resource_intervals_versions_by_week FINAL;

-- IF EXISTS ${metering}.int_resource_intervals_versions_by_week
EXCHANGE TABLES ${metering}.int_resource_intervals_versions AND ${metering}.int_resource_intervals_versions_by_week;

DROP TABLE IF EXISTS ${metering}.int_resource_intervals_versions_by_week SYNC;
