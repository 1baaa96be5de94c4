-- Up to which change of the control store a tick has seen everything: the next one makes the drafts anew of those accounts
-- whose rows changed since.
ALTER TABLE ${ops}.ticks
ADD COLUMN IF NOT EXISTS previous_seller_country LowCardinality(String) AFTER seller_country,
ADD COLUMN IF NOT EXISTS control_revision UInt64 COMMENT '0 where not known' AFTER previous_seller_country,
ADD COLUMN IF NOT EXISTS previous_control_revision UInt64 AFTER control_revision;
