-- Days that are added up for a month lie by week: a tick writes one week anew, and weeks that are over are merged once. They
-- belong to dbt, which makes them so where they are not there yet.
-- IF EXISTS ${rating}.int_charged_daily_versions
CREATE OR REPLACE TABLE ${rating}.int_charged_daily_versions_by_week
ENGINE = ReplacingMergeTree(_version, _is_deleted)
PARTITION BY toMonday(charge_date)
ORDER BY (account_id, sku_id, charge_date, charge_type, price_id)
SETTINGS index_granularity = 256
AS SELECT * FROM ${rating}.int_charged_daily_versions
SETTINGS max_partitions_per_insert_block = 1000;

-- IF EXISTS ${rating}.int_charged_daily_versions
EXCHANGE TABLES ${rating}.int_charged_daily_versions AND ${rating}.int_charged_daily_versions_by_week;

DROP TABLE IF EXISTS ${rating}.int_charged_daily_versions_by_week SYNC;

-- IF EXISTS ${rating}.int_on_demand_daily_versions
CREATE OR REPLACE TABLE ${rating}.int_on_demand_daily_versions_by_week
ENGINE = ReplacingMergeTree(_version, _is_deleted)
PARTITION BY toMonday(charge_date)
ORDER BY (account_id, sku_id, charge_date)
SETTINGS index_granularity = 256
AS SELECT * FROM ${rating}.int_on_demand_daily_versions
SETTINGS max_partitions_per_insert_block = 1000;

-- IF EXISTS ${rating}.int_on_demand_daily_versions
EXCHANGE TABLES ${rating}.int_on_demand_daily_versions AND ${rating}.int_on_demand_daily_versions_by_week;

DROP TABLE IF EXISTS ${rating}.int_on_demand_daily_versions_by_week SYNC;
