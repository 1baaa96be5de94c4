-- Contacts, members, projects, bank receipts and pay-outs, as the control store decided them. Each row carries the store's
-- revision, as in 0004_raw_control.sql. Read with FINAL: then who was removed is not there.
CREATE TABLE IF NOT EXISTS ${raw}.control_contacts
(
    account_id String,
    email String,
    name String,
    purpose LowCardinality(String) COMMENT 'billing, technical or legal',
    is_removed UInt8,
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision, is_removed)
ORDER BY (account_id, email);

CREATE TABLE IF NOT EXISTS ${raw}.control_members
(
    account_id String,
    email String,
    role LowCardinality(String) COMMENT 'owner, billing_admin or viewer',
    added_by String,
    added_at DateTime64(3, 'UTC'),
    is_removed UInt8,
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision, is_removed)
ORDER BY (account_id, email);

CREATE TABLE IF NOT EXISTS ${raw}.control_projects
(
    project_id String,
    account_id String,
    name String,
    created_at DateTime64(3, 'UTC'),
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY project_id;

-- Credit entries of bank statements, one row an entry.
CREATE TABLE IF NOT EXISTS ${raw}.control_bank_receipts
(
    receipt_id String,
    bank_account String COMMENT 'ours',
    booked_date Date32,
    currency_code LowCardinality(String),
    amount Decimal(38, 4) COMMENT 'above zero',
    applied_amount Decimal(38, 4) COMMENT 'what of it paid its document',
    surplus_amount Decimal(38, 4) COMMENT 'paid too much: the customer''s',
    payer String,
    payer_account String COMMENT 'empty where the bank did not tell',
    remittance String,
    invoice_id String COMMENT 'empty until it found its document',
    imported_at DateTime64(3, 'UTC'),
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY receipt_id;

-- Refunds that we transfer ourselves.
CREATE TABLE IF NOT EXISTS ${raw}.control_payouts
(
    payout_id String COMMENT 'the refund_id',
    bank_account String COMMENT 'ours',
    creditor_name String,
    creditor_account String,
    currency_code LowCardinality(String),
    amount Decimal(38, 4) COMMENT 'above zero',
    remittance String,
    status LowCardinality(String) COMMENT 'waiting, exported, booked or failed',
    export_id String COMMENT 'the message to the bank; empty until exported',
    entry_id String COMMENT 'of the statement; empty until booked',
    message String,
    made_at DateTime64(3, 'UTC'),
    updated_at DateTime64(3, 'UTC'),
    exported_at Nullable(DateTime64(3, 'UTC')),
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY payout_id;
