-- What the control store decided, as the warehouse sees it. Each row carries the store's revision, which rises with
-- every commit there; publishing sends the rows above the greatest revision already here. Read with FINAL.
CREATE TABLE IF NOT EXISTS ${raw}.control_accounts
(
    account_id String,
    name String,
    currency_code LowCardinality(String),
    country_code LowCardinality(String),
    tax_id String,
    is_tax_exempt Bool,
    email String,
    gateway LowCardinality(String),
    payment_terms_days UInt32,
    legal_name String,
    address String,
    postal_code String,
    city String,
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY account_id;

CREATE TABLE IF NOT EXISTS ${raw}.control_credits
(
    credit_id String,
    account_id String,
    amount Decimal(38, 4),
    currency_code LowCardinality(String),
    valid_from DateTime64(3, 'UTC'),
    valid_to DateTime64(3, 'UTC') COMMENT '2299-12-31 where it never expires',
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY credit_id;

CREATE TABLE IF NOT EXISTS ${raw}.control_budgets
(
    budget_id String,
    account_id String,
    scope_type LowCardinality(String),
    scope_value String,
    amount Decimal(38, 4),
    currency_code LowCardinality(String),
    thresholds Array(Decimal(9, 2)) COMMENT 'percent of amount',
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY budget_id;

CREATE TABLE IF NOT EXISTS ${raw}.control_closed_periods
(
    period String COMMENT 'YYYY-MM',
    closed_at DateTime64(3, 'UTC'),
    as_of DateTime64(3, 'UTC') COMMENT 'as-of of the tick whose drafts were issued',
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY period;

-- Issued documents. status and paid_amount move on; nothing else does.
CREATE TABLE IF NOT EXISTS ${raw}.control_invoices
(
    invoice_id String,
    invoice_number String,
    kind LowCardinality(String),
    account_id String,
    period String,
    adjusted_period String COMMENT 'empty unless kind is debit_note or credit_note',
    status LowCardinality(String) COMMENT 'issued, partially_paid, paid or uncollectible',
    currency_code LowCardinality(String),
    subtotal_amount Decimal(38, 4),
    credit_amount Decimal(38, 4),
    tax_percent Decimal(9, 6) COMMENT 'sum of the rates applied; 0 where exempt',
    tax_amount Decimal(38, 4),
    total_amount Decimal(38, 4),
    paid_amount Decimal(38, 4),
    tax_note LowCardinality(String) COMMENT 'reverse_charge or empty',
    issued_at DateTime64(3, 'UTC'),
    due_date Date,
    seller_legal_name LowCardinality(String) COMMENT 'seller_* and buyer_*: as they were at issue',
    seller_address LowCardinality(String),
    seller_postal_code LowCardinality(String),
    seller_city LowCardinality(String),
    seller_country_code LowCardinality(String),
    seller_tax_id LowCardinality(String),
    buyer_name String,
    buyer_legal_name String COMMENT 'empty: buyer_name is the legal name',
    buyer_address String,
    buyer_postal_code String,
    buyer_city String,
    buyer_country_code LowCardinality(String),
    buyer_tax_id String,
    content_hash String COMMENT 'SHA-256 of the document at issue',
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY invoice_id;

CREATE TABLE IF NOT EXISTS ${raw}.control_invoice_lines
(
    invoice_id String,
    line_number UInt32,
    account_id String,
    period String,
    kind LowCardinality(String),
    adjusted_period String,
    line_type LowCardinality(String),
    sku_id String,
    price_id String,
    quantity Decimal(76, 12),
    unit LowCardinality(String),
    currency_code LowCardinality(String),
    amount Decimal(38, 4),
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (invoice_id, line_number);

-- How documents used credits: positive where a document used one, negative where a credit note gave it back.
CREATE TABLE IF NOT EXISTS ${raw}.control_credit_uses
(
    invoice_id String,
    credit_id String,
    use_order UInt32 COMMENT 'order of use within the document',
    amount Decimal(38, 4),
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (invoice_id, credit_id);

-- The tax of every account as it stood when a month closed; notes for that month use it.
CREATE TABLE IF NOT EXISTS ${raw}.control_closed_taxes
(
    period String,
    account_id String,
    tax_percent Decimal(9, 6) COMMENT '0 where exempt',
    tax_note LowCardinality(String),
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (period, account_id);

-- Attempts to settle documents at a gateway, one row each. Over the attempts of an invoice, charged_amount and
-- balance_amount add up to its paid_amount.
CREATE TABLE IF NOT EXISTS ${raw}.control_payments
(
    payment_id String,
    invoice_id String,
    account_id String,
    attempt UInt32 COMMENT 'from 1 in each invoice',
    gateway LowCardinality(String),
    status LowCardinality(String) COMMENT 'pending, paid, declined, requires_action, refused or failed',
    currency_code LowCardinality(String),
    amount Decimal(38, 4) COMMENT 'open when the attempt began; below zero where a credit note is given',
    charged_amount Decimal(38, 4) COMMENT 'collected by card',
    balance_amount Decimal(38, 4) COMMENT 'taken from the customer balance at the gateway; below zero: given to it',
    gateway_payment_id String,
    reason_code LowCardinality(String) COMMENT 'why it did not succeed, in words of the gateway, such as insufficient_funds',
    message String,
    started_at DateTime64(3, 'UTC'),
    updated_at DateTime64(3, 'UTC'),
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY payment_id;
