-- Where accounts stand, how they came there, what was given back, and the ledger, as the control store decided them.
-- Each row carries the store's revision, as in 0004_raw_control.sql. Read with FINAL.
CREATE TABLE IF NOT EXISTS ${raw}.control_billing_accounts
(
    account_id String,
    account_type LowCardinality(String) COMMENT 'individual or company',
    state LowCardinality(String) COMMENT 'new, trial, active, past_due, suspended, closing or closed',
    changes UInt32 COMMENT 'how often the account moved: the number of its latest change',
    changed_at DateTime64(3, 'UTC'),
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY account_id;

-- Append only: one row for each move of an account.
CREATE TABLE IF NOT EXISTS ${raw}.control_account_changes
(
    account_id String,
    number UInt32 COMMENT 'from 1 in each account',
    from_state LowCardinality(String) COMMENT 'empty on the first',
    to_state LowCardinality(String),
    reason String,
    actor String,
    changed_at DateTime64(3, 'UTC'),
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (account_id, number);

CREATE TABLE IF NOT EXISTS ${raw}.control_refunds
(
    refund_id String,
    invoice_id String COMMENT 'what was charged',
    note_id String COMMENT 'invoice_id of the refund note; empty until it is issued',
    account_id String,
    payment_id String,
    gateway LowCardinality(String),
    gateway_payment_id String,
    gateway_refund_id String,
    currency_code LowCardinality(String),
    amount Decimal(38, 4) COMMENT 'above zero, tax included',
    reason String,
    actor String,
    status LowCardinality(String) COMMENT 'pending, succeeded or failed',
    message String,
    asked_at DateTime64(3, 'UTC'),
    updated_at DateTime64(3, 'UTC'),
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY refund_id;

-- The ledger, one row a posting. The postings of an entry add up to zero; each entry mirrors one thing, once.
CREATE TABLE IF NOT EXISTS ${raw}.control_journal
(
    entry_id String,
    source LowCardinality(String) COMMENT 'document, payment, refund, return, fee, write_off, dispute, receipt or application',
    source_id String,
    account_id String COMMENT 'empty where the entry belongs to no account',
    invoice_id String COMMENT 'empty where it belongs to no document',
    period String COMMENT 'YYYY-MM of a document; empty otherwise',
    description String,
    posted_at DateTime64(3, 'UTC'),
    ledger_account LowCardinality(String),
    detail LowCardinality(String) COMMENT 'service of revenue, gateway of cash and fees; empty otherwise',
    currency_code LowCardinality(String),
    amount Decimal(38, 4) COMMENT 'debit above zero, credit below',
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (entry_id, ledger_account, detail);

CREATE TABLE IF NOT EXISTS ${raw}.control_payment_differences
(
    difference_id String,
    gateway LowCardinality(String),
    kind LowCardinality(String),
    invoice_id String,
    gateway_payment_id String,
    message String,
    is_mended Bool,
    found_at DateTime64(3, 'UTC'),
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY difference_id;
