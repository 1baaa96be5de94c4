-- What the antifraud decided about accounts and what people said of it, as in 0004_raw_control.sql. Read with FINAL.
CREATE TABLE IF NOT EXISTS ${raw}.control_fraud_decisions
(
    account_id String,
    number UInt32 COMMENT 'from 1 in each account',
    as_of DateTime64(3, 'UTC') COMMENT 'nothing later was looked at',
    decided_at DateTime64(3, 'UTC'),
    cause LowCardinality(String) COMMENT 'scan or card',
    policy_version LowCardinality(String) COMMENT 'hash of the policy file',
    score Decimal(38, 6) COMMENT 'sum of the weighted scores of the findings',
    action LowCardinality(String) COMMENT 'challenge, review, limit or suspend',
    findings String COMMENT 'JSON list: rule, version, field, score, reason, evidence, inputs',
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (account_id, number);

-- A decision without a row here is open.
CREATE TABLE IF NOT EXISTS ${raw}.control_fraud_verdicts
(
    account_id String,
    number UInt32 COMMENT 'of the decision',
    verdict LowCardinality(String) COMMENT 'released or confirmed',
    reason String,
    actor String,
    given_at DateTime64(3, 'UTC'),
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (account_id, number);
