-- What documents bill, in the columns of FOCUS 1.2: the charges of their days and resources, and what makes them add up to
-- the document: rounding, credits, tax. BilledCost over the rows of a document is its total, to the last digit, and so is
-- EffectiveCost. docs/focus.md maps each column.
-- Not included: consumption without a price (rating.unrated_consumption), payments.
-- Grain: one row per x_DocumentId, ChargePeriodStart, ChargeDescription, SubAccountId, ResourceId, RegionId, SkuId, SkuPriceId.
{{ config(materialized='view') }}

with documents as (
    select * from {{ ref('int_focus_documents') }}
),

commitments as (
    select price_id from {{ ref('invoice_lines') }} where line_type in ('commitment', 'commitment_unused')

    union distinct

    select price_id from {{ ref('int_recomputed_lines') }} where line_type in ('commitment', 'commitment_unused')
),

billed as (
    select
        invoice_id,
        account_id,
        toDate(concat(period, '-01')) as billed_month,
        sku_id,
        price_id,
        arraySort(groupArray((toString(line_type), quantity, lines.amount))) as parts,
        sum(lines.amount) as amount
    from {{ ref('invoice_lines') }} as lines
    where lines.kind = 'invoice'
    group by invoice_id, account_id, billed_month, sku_id, price_id
),

recomputed as (
    select
        account_id,
        toDate(concat(period, '-01')) as billed_month,
        sku_id,
        price_id,
        arraySort(groupArray((toString(line_type), quantity, amount))) as parts
    from {{ ref('int_recomputed_lines') }} as lines
    group by account_id, billed_month, sku_id, price_id
),

-- Where the charges of today are what the invoice bills, they are shown. Where something changed since it was issued, they
-- are not: the change stands on a note, and the lines of the invoice are shown in their stead.
settled as (
    select
        billed.invoice_id as invoice_id,
        billed.account_id as account_id,
        billed.billed_month as billed_month,
        billed.sku_id as sku_id,
        billed.price_id as price_id,
        billed.amount as amount,
        billed.parts = recomputed.parts as is_current
    from billed
    left any join recomputed
        on billed.account_id = recomputed.account_id
        and billed.billed_month = recomputed.billed_month
        and billed.sku_id = recomputed.sku_id
        and billed.price_id = recomputed.price_id
),

charged as (
    select
        settled.invoice_id as invoice_id,
        days.billed_month as billed_month,
        days.from_date as from_date,
        days.from_date + 1 as to_date,
        days.account_id as account_id,
        days.project_id as project_id,
        days.resource_id as resource_id,
        days.region as region,
        days.sku_id as sku_id,
        days.price_id as price_id,
        days.charge_type as charge_type,
        days.service as service,
        days.unit as unit,
        days.quantity as quantity,
        days.list_amount as list_amount,
        days.amount as amount,
        if(days.charge_type = 'commitment_unused', '', toJSONString(mapSort(days.labels))) as tags
    from (
        select
            account_id,
            project_id,
            resource_id,
            region,
            sku_id,
            price_id,
            toString(hours.charge_type) as charge_type,
            toDate(hours.hour_at) as from_date,
            toStartOfMonth(toDate(hours.hour_at)) as billed_month,
            any(toString(hours.service)) as service,
            any(toString(hours.unit)) as unit,
            sum(hours.quantity) as quantity,
            {{ cost('sum(hours.list_amount_unrounded)') }} as list_amount,
            {{ cost('sum(hours.amount_unrounded)') }} as amount,
            -- Those of the day's last hour.
            argMax(hours.labels, hours.hour_at) as labels
        from {{ ref('charges_hourly') }} as hours
        group by account_id, project_id, resource_id, region, sku_id, price_id, charge_type, from_date, billed_month
    ) as days
    inner join (select * from settled where is_current) as settled
        on days.account_id = settled.account_id
        and days.billed_month = settled.billed_month
        and days.sku_id = settled.sku_id
        and days.price_id = settled.price_id

    union all

    select
        lines.invoice_id as invoice_id,
        lines.billed_month as billed_month,
        lines.billed_month as from_date,
        addMonths(lines.billed_month, 1) as to_date,
        lines.account_id as account_id,
        '' as project_id,
        '' as resource_id,
        '' as region,
        lines.sku_id as sku_id,
        lines.price_id as price_id,
        lines.line_type as charge_type,
        '' as service,
        lines.unit as unit,
        lines.quantity as quantity,
        {{ cost('lines.amount') }} as list_amount,
        {{ cost('lines.amount') }} as amount,
        '' as tags
    from (
        select
            invoice_id,
            account_id,
            toDate(concat(lines.period, '-01')) as billed_month,
            toString(lines.line_type) as line_type,
            sku_id,
            price_id,
            quantity,
            toString(lines.unit) as unit,
            amount
        from {{ ref('invoice_lines') }} as lines
        where lines.kind = 'invoice'
    ) as lines
    inner join (select * from settled where not is_current) as settled
        on lines.invoice_id = settled.invoice_id and lines.sku_id = settled.sku_id and lines.price_id = settled.price_id
),

-- A commitment is bought day by day: what of it is used or not, as rows of usage that bill nothing, and one purchase that
-- bills them all.
purchased as (
    select
        invoice_id,
        billed_month,
        from_date,
        to_date,
        account_id,
        sku_id,
        price_id,
        any(parts.service) as service,
        any(parts.unit) as unit,
        sum(parts.quantity) as quantity,
        sum(parts.amount) as amount
    from charged as parts
    where parts.charge_type in ('commitment', 'commitment_unused')
    group by invoice_id, billed_month, from_date, to_date, account_id, sku_id, price_id
),

-- What the rows of `charged` add up to: days have their grain, and their cost is rounded as theirs.
settled_days as (
    select
        settled.invoice_id as invoice_id,
        days.account_id as account_id,
        days.billed_month as billed_month,
        days.sku_id as sku_id,
        days.price_id as price_id,
        days.currency_code as currency_code,
        days.list_amount as list_amount,
        days.charged_amount as charged_amount,
        {{ cost('settled.amount') }} - days.charged_amount as rounding_amount
    from (
        select
            account_id,
            sku_id,
            price_id,
            toStartOfMonth(daily.charge_date) as billed_month,
            any(toString(daily.currency_code)) as currency_code,
            sum({{ cost('daily.list_amount_unrounded') }}) as list_amount,
            sum({{ cost('daily.amount_unrounded') }}) as charged_amount
        from {{ ref('charges_daily') }} as daily
        group by account_id, sku_id, price_id, billed_month
    ) as days
    inner join (select * from settled where is_current) as settled
        on days.account_id = settled.account_id
        and days.billed_month = settled.billed_month
        and days.sku_id = settled.sku_id
        and days.price_id = settled.price_id
),

-- The tax that the list prices would bear: the tax on what is billed, and on what lists beyond it.
taxed as (
    select
        invoice_id,
        billed_month,
        any(parts.charged_month) as charged_month,
        any(parts.account_id) as account_id,
        any(parts.currency_code) as currency_code,
        sum(parts.tax_amount) as tax_amount,
        sum(parts.tax_percent) as tax_percent,
        sum(parts.net_amount) as net_amount
    from (
        select
            invoice_id, billed_month, charged_month, account_id, toString(currency_code) as currency_code,
            tax_amount, toDecimal256(tax_percent, 6) as tax_percent, {{ cost('net_amount') }} as net_amount
        from documents

        union all

        select
            invoice_id, billed_month, billed_month as charged_month, account_id, currency_code,
            toDecimal128(0, 4) as tax_amount, toDecimal256(0, 6) as tax_percent, list_amount - charged_amount as net_amount
        from settled_days
    ) as parts
    group by invoice_id, billed_month
    having tax_amount != 0
),

shown as (
    select
        invoice_id, billed_month, from_date, to_date, account_id, project_id,
        if(charge_type = 'commitment_unused', price_id, resource_id) as resource_id,
        region, sku_id, price_id, service, unit, tags,
        -- A day of a volume or package price may cost less than nothing. A unit price may not, so what is below zero
        -- stands beside the usage, as an adjustment.
        part,
        if(part = 'usage', charge_type, 'step') as row_type,
        quantity,
        if(part = 'usage', greatest(list_amount, {{ cost('0') }}), least(list_amount, {{ cost('0') }})) as list_cost,
        if(part = 'usage', greatest(amount, {{ cost('0') }}), least(amount, {{ cost('0') }})) as contracted_cost,
        if(row_type in ('commitment', 'commitment_unused'), {{ cost('0') }}, contracted_cost) as billed_cost,
        contracted_cost as effective_cost,
        '' as named
    from charged
    array join if(list_amount < 0 or amount < 0, ['usage', 'step'], ['usage']) as part

    union all

    select
        invoice_id, billed_month, from_date, to_date, account_id, '' as project_id, price_id as resource_id,
        '' as region, sku_id, price_id, service, unit, '' as tags, '' as part, 'purchase' as row_type, quantity,
        amount as list_cost, amount as contracted_cost, amount as billed_cost, {{ cost('0') }} as effective_cost, '' as named
    from purchased

    union all

    select
        invoice_id, billed_month, billed_month as from_date, addMonths(billed_month, 1) as to_date, account_id, '' as project_id,
        '' as resource_id, '' as region, sku_id, price_id, '' as service, '' as unit, '' as tags, '' as part, 'rounding' as row_type,
        toDecimal256(0, 12) as quantity, rounding_amount as list_cost, rounding_amount as contracted_cost,
        rounding_amount as billed_cost, rounding_amount as effective_cost, '' as named
    from settled_days
    where rounding_amount != 0

    union all

    select
        lines.invoice_id, documents.billed_month, documents.charged_month as from_date, addMonths(documents.charged_month, 1) as to_date,
        lines.account_id, '' as project_id, '' as resource_id, '' as region, lines.sku_id, lines.price_id, '' as service,
        toString(lines.unit) as unit, '' as tags, '' as part,
        if(lines.price_id in (select price_id from commitments), 'corrected_commitment', 'correction') as row_type,
        lines.quantity, {{ cost('lines.amount') }} as list_cost, list_cost as contracted_cost, list_cost as billed_cost,
        list_cost as effective_cost, lines.line_type as named
    from (
        select
            invoice_id,
            account_id,
            sku_id,
            price_id,
            toString(parts.line_type) as line_type,
            any(parts.unit) as unit,
            sum(parts.quantity) as quantity,
            sum(parts.amount) as amount
        from {{ ref('invoice_lines') }} as parts
        where parts.kind != 'invoice'
        group by invoice_id, account_id, sku_id, price_id, line_type
    ) as lines
    inner join documents on lines.invoice_id = documents.invoice_id

    union all

    select
        uses.invoice_id, documents.billed_month, documents.charged_month as from_date, addMonths(documents.charged_month, 1) as to_date,
        documents.account_id, '' as project_id, '' as resource_id, '' as region, '' as sku_id, '' as price_id, '' as service,
        '' as unit, '' as tags, '' as part, 'credit' as row_type, toDecimal256(0, 12) as quantity, {{ cost('-uses.amount') }} as list_cost,
        list_cost as contracted_cost, list_cost as billed_cost, list_cost as effective_cost, uses.credit_id as named
    from {{ ref('credit_uses') }} as uses
    inner join documents on uses.invoice_id = documents.invoice_id

    union all

    select
        invoice_id, billed_month, charged_month as from_date, addMonths(charged_month, 1) as to_date, account_id, '' as project_id,
        '' as resource_id, '' as region, '' as sku_id, '' as price_id, '' as service, '' as unit, '' as tags, '' as part,
        'tax' as row_type, toDecimal256(0, 12) as quantity,
        {{ cost(rounded_amount('toDecimal256(net_amount, 18) * toDecimal256(tax_percent, 8) / 100', minor_units('currency_code'))) }} as list_cost,
        {{ cost('tax_amount') }} as contracted_cost, contracted_cost as billed_cost, contracted_cost as effective_cost,
        toString(tax_percent) as named
    from taxed
),

skus as (
    select sku_id, name, metric, toString(service) as service from {{ ref('stg_catalog__skus') }}
),

worded as (
    select
        shown.row_type as row_type,
        shown.invoice_id as invoice_id,
        shown.billed_month as billed_month,
        shown.from_date as from_date,
        shown.to_date as to_date,
        shown.account_id as account_id,
        shown.project_id as project_id,
        shown.resource_id as resource_id,
        shown.region as region,
        shown.sku_id as sku_id,
        shown.price_id as price_id,
        shown.tags as tags,
        toDecimal128(shown.quantity, 12) as quantity,
        shown.list_cost as list_cost,
        shown.contracted_cost as contracted_cost,
        shown.billed_cost as billed_cost,
        shown.effective_cost as effective_cost,
        shown.named as named,
        documents.invoice_number as invoice_number,
        documents.kind as kind,
        toString(documents.currency_code) as currency_code,
        if(documents.seller_name = '', 'unnamed seller', toString(documents.seller_name)) as seller_name,
        accounts.name as account_name,
        if(projects.name = '', shown.project_id, projects.name) as project_name,
        skus.metric as metric,
        multiIf(shown.service != '', shown.service, skus.service != '', skus.service, 'Billing') as service,
        {{ focus_unit('shown.unit') }} as unit,
        documents.kind != 'invoice' as is_correction,
        row_type in ('usage', 'commitment', 'commitment_unused', 'purchase') as is_priced,
        row_type in ('usage', 'commitment', 'correction') as is_consumed,
        row_type in ('commitment', 'commitment_unused', 'purchase', 'corrected_commitment')
        or (row_type = 'rounding' and shown.price_id in (select price_id from commitments)) as is_committed,
        if(skus.name = '', shown.sku_id, skus.name) as sku_name,
        multiIf(
            row_type = 'usage', sku_name,
            row_type = 'commitment', concat(sku_name, ': used of commitment ', shown.price_id),
            row_type = 'commitment_unused', concat(sku_name, ': unused of commitment ', shown.price_id),
            row_type = 'purchase', concat(sku_name, ': commitment ', shown.price_id),
            row_type = 'step', concat(sku_name, ': a lower step of price ', shown.price_id),
            row_type = 'rounding', concat(sku_name, ': rounding of the invoice line'),
            row_type in ('correction', 'corrected_commitment'), concat(sku_name, ': ', shown.named, ' of ', formatDateTime(shown.from_date, '%Y-%m')),
            row_type = 'credit', concat('Credit ', shown.named),
            concat('Tax, ', shown.named, ' %')
        ) as description
    from shown
    left any join documents on shown.invoice_id = documents.invoice_id
    left any join {{ ref('stg_control__accounts') }} as accounts on shown.account_id = accounts.account_id
    left any join {{ ref('stg_control__projects') }} as projects
        on shown.project_id = projects.project_id and shown.account_id = projects.account_id
    left any join skus on shown.sku_id = skus.sku_id
)

select
    cast(null as Nullable(String)) as AvailabilityZone,
    billed_cost as BilledCost,
    account_id as BillingAccountId,
    account_name as BillingAccountName,
    'Account' as BillingAccountType,
    currency_code as BillingCurrency,
    toDateTime(addMonths(billed_month, 1), 'UTC') as BillingPeriodEnd,
    toDateTime(billed_month, 'UTC') as BillingPeriodStart,
    cast(null as Nullable(String)) as CapacityReservationId,
    cast(null as Nullable(String)) as CapacityReservationStatus,
    multiIf(
        row_type in ('usage', 'commitment', 'commitment_unused', 'correction'), 'Usage',
        row_type = 'purchase', 'Purchase',
        row_type = 'credit', 'Credit',
        row_type = 'tax', 'Tax',
        'Adjustment'
    ) as ChargeCategory,
    if(is_correction, 'Correction', null) as ChargeClass,
    description as ChargeDescription,
    multiIf(ChargeCategory = 'Usage', 'Usage-Based', ChargeCategory = 'Purchase', 'Recurring', 'One-Time') as ChargeFrequency,
    toDateTime(to_date, 'UTC') as ChargePeriodEnd,
    toDateTime(from_date, 'UTC') as ChargePeriodStart,
    if(is_committed, 'Usage', null) as CommitmentDiscountCategory,
    if(is_committed, price_id, null) as CommitmentDiscountId,
    cast(null as Nullable(String)) as CommitmentDiscountName,
    if(is_committed and is_priced, quantity, null) as CommitmentDiscountQuantity,
    multiIf(row_type = 'commitment', 'Used', row_type = 'commitment_unused', 'Unused', null) as CommitmentDiscountStatus,
    if(is_committed, 'Hourly quantity', null) as CommitmentDiscountType,
    if(is_committed and is_priced, unit, null) as CommitmentDiscountUnit,
    if(is_consumed, quantity, null) as ConsumedQuantity,
    if(is_consumed, unit, null) as ConsumedUnit,
    contracted_cost as ContractedCost,
    if(is_priced, {{ unit_cost('contracted_cost', 'quantity') }}, null) as ContractedUnitPrice,
    effective_cost as EffectiveCost,
    nullIf(invoice_number, '') as InvoiceId,
    seller_name as InvoiceIssuerName,
    list_cost as ListCost,
    if(is_priced, {{ unit_cost('list_cost', 'quantity') }}, null) as ListUnitPrice,
    multiIf(row_type in ('usage', 'purchase'), 'Standard', row_type in ('commitment', 'commitment_unused'), 'Committed', null) as PricingCategory,
    currency_code as PricingCurrency,
    ContractedUnitPrice as PricingCurrencyContractedUnitPrice,
    effective_cost as PricingCurrencyEffectiveCost,
    ListUnitPrice as PricingCurrencyListUnitPrice,
    if(is_priced or is_consumed or row_type = 'corrected_commitment', quantity, null) as PricingQuantity,
    if(is_priced or is_consumed or row_type = 'corrected_commitment', unit, null) as PricingUnit,
    seller_name as ProviderName,
    seller_name as PublisherName,
    nullIf(region, '') as RegionId,
    nullIf(region, '') as RegionName,
    nullIf(resource_id, '') as ResourceId,
    cast(null as Nullable(String)) as ResourceName,
    if(resource_id = '', null, if(row_type in ('purchase', 'commitment_unused'), 'Commitment', service)) as ResourceType,
    {{ service_category('service') }} as ServiceCategory,
    service as ServiceName,
    if(ServiceCategory = 'Other', 'Other (Other)', concat('Other (', ServiceCategory, ')')) as ServiceSubcategory,
    nullIf(sku_id, '') as SkuId,
    if(sku_id = '', null, if(metric = '', sku_id, toString(metric))) as SkuMeter,
    cast(null as Nullable(String)) as SkuPriceDetails,
    nullIf(price_id, '') as SkuPriceId,
    nullIf(project_id, '') as SubAccountId,
    nullIf(project_name, '') as SubAccountName,
    if(project_id = '', null, 'Project') as SubAccountType,
    nullIf(tags, '') as Tags,
    invoice_id as x_DocumentId,
    toString(kind) as x_DocumentKind
from worded
