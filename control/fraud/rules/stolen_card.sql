-- rule: stolen_card
-- version: 1
-- field: payment
-- runs_on: control
-- needs: card_attempts, payments, invoices
-- parameter window_days count: how far back refusals are looked at
-- parameter codes texts: reasons in the gateways' words that mean a stolen, lost or blocked card
-- parameter score count: score of a finding
--
-- A bank said that a card of the account is stolen, lost or to be kept: when it was bound, or when it was charged.
SELECT
    refused.account_id AS account_id,
    :score AS score,
    'a bank refused a card of the account as ' || min(refused.code) AS reason,
    max(refused.refused_at) AS evidence,
    count(*) AS refusals
FROM (
    SELECT account_id, code, tried_at AS refused_at
    FROM card_attempts
    WHERE outcome = 'declined' AND code IN :codes
    UNION ALL
    SELECT invoices.account_id, payments.reason_code, payments.updated_at
    FROM payments
    JOIN invoices ON invoices.invoice_id = payments.invoice_id
    WHERE payments.status = 'declined' AND payments.reason_code IN :codes
) AS refused
WHERE refused.refused_at > :window_start AND refused.refused_at <= :as_of
GROUP BY refused.account_id
