-- Keys of maps are plain texts wherever a granule holds few rows: low cardinality ones keep a dictionary a granule, and
-- writing that took as long as writing all other columns.
ALTER TABLE ${raw}.label_sets
MODIFY COLUMN labels Map(String, String) COMMENT 'keys in byte order';

-- These belong to dbt, which makes them with the types of its models.
-- IF EXISTS ${metering}.int_resource_intervals_versions
ALTER TABLE ${metering}.int_resource_intervals_versions
MODIFY COLUMN metrics Map(String, Decimal(38, 9)), MODIFY COLUMN labels Map(String, String);

-- IF EXISTS ${metering}.int_metered_hourly_versions
ALTER TABLE ${metering}.int_metered_hourly_versions
MODIFY COLUMN labels Map(String, String);

-- IF EXISTS ${rating}.int_unrated_hourly_versions
ALTER TABLE ${rating}.int_unrated_hourly_versions
MODIFY COLUMN labels Map(String, String);

-- IF EXISTS ${rating}.charges_hourly_versions
ALTER TABLE ${rating}.charges_hourly_versions
MODIFY COLUMN labels Map(String, String);
