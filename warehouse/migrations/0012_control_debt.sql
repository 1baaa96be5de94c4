-- What was done about debt, as the control store decided it. Each row carries the store's revision, as in 0004_raw_control.sql.
-- Read with FINAL. What is owed is in raw.control_journal (receivable) and invoicing.invoices.

-- Append only: one row a step; `enter` is the step by which an account came into a state.
CREATE TABLE IF NOT EXISTS ${raw}.control_dunning_steps
(
    account_id String,
    anchor_date Date COMMENT 'the earliest unpaid due date, which the steps count from',
    round UInt32 COMMENT 'promises to pay that ended before',
    state LowCardinality(String) COMMENT 'of the policy',
    step LowCardinality(String) COMMENT 'enter, restrict, suspend, hand_over, write_off or mail:TEMPLATE',
    policy LowCardinality(String),
    policy_hash LowCardinality(String) COMMENT 'of the content of the policy file',
    days_overdue Int32 COMMENT 'grace taken off',
    currency_code LowCardinality(String),
    amount Decimal(38, 4) COMMENT 'overdue at that moment',
    invoice_numbers Array(String),
    taken_at DateTime64(3, 'UTC'),
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (account_id, anchor_date, round, state, step);

CREATE TABLE IF NOT EXISTS ${raw}.control_promises
(
    promise_id String,
    account_id String,
    currency_code LowCardinality(String),
    amount Decimal(38, 4),
    promised_for Date COMMENT 'to be paid until the end of this day',
    made_at DateTime64(3, 'UTC'),
    actor String,
    withdrawn_at Nullable(DateTime64(3, 'UTC')),
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY promise_id;

CREATE TABLE IF NOT EXISTS ${raw}.control_restrictions
(
    account_id String,
    cause LowCardinality(String) COMMENT 'overdue, credit_limit or prepaid',
    number UInt32 COMMENT 'from 1 in each account and cause',
    reason String,
    since_at DateTime64(3, 'UTC'),
    lifted_at Nullable(DateTime64(3, 'UTC')) COMMENT 'empty while it lasts',
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (account_id, cause, number);

CREATE TABLE IF NOT EXISTS ${raw}.control_claim_holds
(
    invoice_id String,
    number UInt32,
    reason String,
    actor String,
    placed_at DateTime64(3, 'UTC'),
    lifted_at Nullable(DateTime64(3, 'UTC')) COMMENT 'empty while it lasts',
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (invoice_id, number);

CREATE TABLE IF NOT EXISTS ${raw}.control_debt_terms
(
    account_id String,
    grace_days UInt32,
    language LowCardinality(String),
    currency_code LowCardinality(String),
    credit_limit_amount Nullable(Decimal(38, 4)),
    prepaid_minimum_amount Nullable(Decimal(38, 4)) COMMENT 'set: the account pays before',
    actor String,
    updated_at DateTime64(3, 'UTC'),
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY account_id;

CREATE TABLE IF NOT EXISTS ${raw}.control_mails
(
    mail_id String,
    account_id String,
    template LowCardinality(String),
    language LowCardinality(String),
    about String,
    subject String,
    status LowCardinality(String) COMMENT 'pending, sent, withdrawn or given_up',
    created_at DateTime64(3, 'UTC'),
    sent_at Nullable(DateTime64(3, 'UTC')),
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY mail_id;
