-- The catalog as applied: each version is the whole folder. A version counts once its row in catalog_versions exists.
CREATE TABLE IF NOT EXISTS ${raw}.catalog_versions
(
    catalog_version UInt64,
    content_hash String COMMENT 'SHA-256 of the validated rows; applying equal content changes nothing',
    applied_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY catalog_version;

CREATE TABLE IF NOT EXISTS ${raw}.catalog_skus
(
    catalog_version UInt64,
    sku_id String,
    service LowCardinality(String),
    name String,
    metric LowCardinality(String),
    region LowCardinality(String) COMMENT 'empty: all regions without a SKU of their own',
    unit LowCardinality(String),
    aggregation LowCardinality(String),
    billed_when LowCardinality(String) COMMENT 'running or exists; running where the file is empty',
    divisor Decimal(38, 9)
)
ENGINE = MergeTree
ORDER BY (catalog_version, sku_id);

-- Validity everywhere in the catalog: [valid_from, valid_to), unbounded ends as 1970-01-01 and 2299-12-31.
CREATE TABLE IF NOT EXISTS ${raw}.catalog_prices
(
    catalog_version UInt64,
    price_id String,
    sku_id String,
    account_id String COMMENT 'empty: list price',
    currency_code LowCardinality(String),
    model LowCardinality(String) COMMENT 'per_unit, graduated, volume or package',
    unit_price Decimal(38, 12) COMMENT '0 where the model has tiers',
    package_size Decimal(38, 12) COMMENT '0 unless the model is package',
    valid_from DateTime64(3, 'UTC'),
    valid_to DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (catalog_version, price_id);

CREATE TABLE IF NOT EXISTS ${raw}.catalog_price_tiers
(
    catalog_version UInt64,
    price_id String,
    tier UInt32,
    up_to Decimal(76, 12) COMMENT 'last unit of the tier, inclusive; 0 in the last, open tier',
    is_last Bool,
    unit_price Decimal(38, 12),
    flat_fee Decimal(38, 12)
)
ENGINE = MergeTree
ORDER BY (catalog_version, price_id, tier);

CREATE TABLE IF NOT EXISTS ${raw}.catalog_discounts
(
    catalog_version UInt64,
    discount_id String,
    account_id String COMMENT 'empty: all accounts',
    scope_type LowCardinality(String) COMMENT 'sku, service or all',
    scope_value String,
    percent Decimal(9, 6) COMMENT '0 to 100',
    valid_from DateTime64(3, 'UTC'),
    valid_to DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (catalog_version, discount_id);

CREATE TABLE IF NOT EXISTS ${raw}.catalog_commitments
(
    catalog_version UInt64,
    commitment_id String,
    account_id String,
    sku_id String,
    quantity_per_hour Decimal(38, 12),
    unit_price Decimal(38, 12),
    currency_code LowCardinality(String),
    valid_from DateTime64(3, 'UTC'),
    valid_to DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (catalog_version, commitment_id);

CREATE TABLE IF NOT EXISTS ${raw}.catalog_taxes
(
    catalog_version UInt64,
    country_code LowCardinality(String),
    tax_name String,
    percent Decimal(9, 6),
    valid_from DateTime64(3, 'UTC'),
    valid_to DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (catalog_version, country_code, tax_name, valid_from);
