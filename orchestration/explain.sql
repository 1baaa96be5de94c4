-- One row per hour, resource, charge type and price behind the lines of one document, with the events that made it:
-- usage events of the hour, and for states that held in the hour the events that began and ended them.
-- Decimals come as text: most drivers round to 28 digits. {document:String} is an invoice number or id, {sku:String} a SKU or empty for all.
WITH
lines AS
(
    SELECT
        lines.invoice_id AS invoice_id,
        invoices.invoice_number AS invoice_number,
        lines.account_id AS account_id,
        if(lines.adjusted_period = '', lines.period, lines.adjusted_period) AS month,
        lines.line_type AS line_type,
        lines.sku_id AS sku_id,
        lines.price_id AS price_id
    FROM ${invoicing}.invoice_lines AS lines
    INNER JOIN ${invoicing}.invoices AS invoices ON lines.invoice_id = invoices.invoice_id
    WHERE {document:String} IN (invoices.invoice_id, invoices.invoice_number) AND {sku:String} IN ('', lines.sku_id)
),
span AS
(
    SELECT
        toDateTime64(toDate(concat(min(month), '-01')), 3, 'UTC') AS first_at,
        toDateTime64(addMonths(toDate(concat(max(month), '-01')), 1), 3, 'UTC') AS last_at
    FROM lines
),
charges AS
(
    SELECT charges.*, lines.invoice_id AS invoice_id, lines.invoice_number AS invoice_number, lines.line_type AS line_type
    FROM
    (
        SELECT *
        FROM ${rating}.charges_hourly
        WHERE hour_at >= (SELECT first_at FROM span) AND hour_at < (SELECT last_at FROM span)
            AND account_id IN (SELECT account_id FROM lines)
    ) AS charges
    INNER JOIN lines ON charges.account_id = lines.account_id AND charges.sku_id = lines.sku_id AND charges.price_id = lines.price_id
    WHERE formatDateTime(charges.hour_at, '%Y-%m') = lines.month AND lines.line_type IN (charges.charge_type, 'adjustment')
),
metered AS
(
    SELECT account_id, project_id, resource_id, region, sku_id, hour_at, metric
    FROM ${metering}.consumption_hourly
    WHERE hour_at >= (SELECT first_at FROM span) AND hour_at < (SELECT last_at FROM span)
        AND account_id IN (SELECT account_id FROM lines)
        AND (resource_id, sku_id, hour_at) IN (SELECT resource_id, sku_id, hour_at FROM charges)
),
events AS
(
    SELECT
        metered.account_id AS account_id, metered.project_id AS project_id, metered.resource_id AS resource_id,
        metered.region AS region, metered.sku_id AS sku_id, metered.hour_at AS hour_at,
        arraySort(groupUniqArray(concat(usage.source, ' ', usage.event_id))) AS event_ids
    FROM metered
    INNER JOIN
    (
        SELECT *
        FROM ${staging}.stg_events__usage
        WHERE hour_at >= (SELECT first_at FROM span) AND hour_at < (SELECT last_at FROM span)
            AND account_id IN (SELECT account_id FROM lines)
            AND event_at <= (SELECT as_of FROM ${ops}.int_current_tick)
    ) AS usage
        ON metered.hour_at = usage.hour_at AND metered.account_id = usage.account_id AND metered.resource_id = usage.resource_id
        AND metered.project_id = usage.project_id AND metered.region = usage.region AND metered.metric = usage.metric
    GROUP BY account_id, project_id, resource_id, region, sku_id, hour_at

    UNION ALL

    SELECT
        metered.account_id AS account_id, metered.project_id AS project_id, metered.resource_id AS resource_id,
        metered.region AS region, metered.sku_id AS sku_id, metered.hour_at AS hour_at,
        arraySort(groupUniqArrayArray(arrayFilter(
            event_id -> event_id != '',
            [
                concat(states.source, ' ', states.event_id),
                if(states.ended_by_event_id != '' AND states.ended_at <= metered.hour_at + toIntervalHour(1),
                    concat(states.source, ' ', states.ended_by_event_id), '')
            ]
        ))) AS event_ids
    FROM metered
    INNER JOIN
    (
        SELECT * FROM ${metering}.int_resource_intervals WHERE resource_id IN (SELECT resource_id FROM metered)
    ) AS states
        ON metered.account_id = states.account_id AND metered.resource_id = states.resource_id
        AND metered.project_id = states.project_id AND metered.region = states.region
    WHERE states.started_at < metered.hour_at + toIntervalHour(1) AND states.ended_at > metered.hour_at AND mapContains(states.metrics, metered.metric)
    GROUP BY account_id, project_id, resource_id, region, sku_id, hour_at
)
SELECT
    charges.invoice_id AS invoice_id,
    charges.invoice_number AS invoice_number,
    charges.account_id AS account_id,
    charges.line_type AS line_type,
    charges.sku_id AS sku_id,
    charges.price_id AS price_id,
    charges.charge_type AS charge_type,
    charges.hour_at AS hour_at,
    charges.project_id AS project_id,
    charges.resource_id AS resource_id,
    charges.region AS region,
    toString(charges.quantity) AS quantity,
    charges.unit AS unit,
    charges.currency_code AS currency_code,
    toString(charges.list_amount_unrounded) AS list_amount_unrounded,
    charges.discount_id AS discount_id,
    toString(charges.amount_unrounded) AS amount_unrounded,
    multiIf(prices.price_id != '', prices.model, commitments.commitment_id != '', 'commitment', '') AS price_model,
    toString(if(prices.price_id != '', prices.unit_price, commitments.unit_price)) AS unit_price,
    events.event_ids AS event_ids
FROM charges
LEFT ANY JOIN
(
    SELECT account_id, project_id, resource_id, region, sku_id, hour_at, arraySort(groupUniqArrayArray(events.event_ids)) AS event_ids
    FROM events
    GROUP BY account_id, project_id, resource_id, region, sku_id, hour_at
) AS events
    ON charges.account_id = events.account_id AND charges.project_id = events.project_id AND charges.resource_id = events.resource_id
    AND charges.region = events.region AND charges.sku_id = events.sku_id AND charges.hour_at = events.hour_at
LEFT ANY JOIN ${staging}.stg_catalog__prices AS prices ON charges.price_id = prices.price_id
LEFT ANY JOIN ${staging}.stg_catalog__commitments AS commitments ON charges.price_id = commitments.commitment_id
ORDER BY sku_id, price_id, line_type, hour_at, project_id, resource_id, region, charge_type
