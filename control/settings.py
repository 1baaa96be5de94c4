"""Settings of the control plane: who issues the invoices, and the keys of the gateways.

The only module of control/ that reads the environment. Where the store lies is a setting of the deployment
(`Settings.control_url` in warehouse/settings.py).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from stdnum import iban

from control.domain.parties import Seller
from warehouse.errors import SettingsError

_SELLER_COUNTRY = AliasChoices("METERHOUSE_SELLER_COUNTRY", "METERHOUSE_SELLER_COUNTRY_CODE")


class ControlSettings(BaseSettings):
    """Issuer and gateways of one deployment. An empty text is not set."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, populate_by_name=True)

    seller_legal_name: str = Field(default="", validation_alias="METERHOUSE_SELLER_LEGAL_NAME")
    seller_address: str = Field(default="", validation_alias="METERHOUSE_SELLER_ADDRESS", description="Street and number.")
    seller_postal_code: str = Field(default="", validation_alias="METERHOUSE_SELLER_POSTAL_CODE")
    seller_city: str = Field(default="", validation_alias="METERHOUSE_SELLER_CITY")
    seller_country_code: str = Field(default="", validation_alias=_SELLER_COUNTRY, description="ISO 3166-1 alpha-2.")
    seller_tax_id: str = Field(default="", validation_alias="METERHOUSE_SELLER_TAX_ID")
    seller_iban: str = Field(
        default="", validation_alias="METERHOUSE_SELLER_IBAN", description="Stands on documents that are paid by bank transfer."
    )
    invoice_prefix: str = Field(default="INV", pattern=r"^[A-Z][A-Z0-9]{0,9}$", validation_alias="METERHOUSE_INVOICE_PREFIX")
    stripe_api_key: SecretStr = Field(default=SecretStr(""), validation_alias="STRIPE_API_KEY")
    stripe_webhook_secret: SecretStr = Field(default=SecretStr(""), validation_alias="STRIPE_WEBHOOK_SECRET", description="whsec_…")
    stripe_api_base: str | None = Field(
        default=None,
        validation_alias="STRIPE_API_BASE",
        description="URL of a test gateway; Stripe itself where not set.",
    )

    fraud_policy: Path | None = Field(
        default=None, validation_alias="METERHOUSE_FRAUD_POLICY", description="A file; default: control/policies/fraud.toml."
    )

    events_url: str = Field(
        default="",
        validation_alias="METERHOUSE_EVENTS_URL",
        description="Where events are posted to (account.suspended and others); nowhere where not set.",
    )
    events_secret: SecretStr = Field(default=SecretStr(""), validation_alias="METERHOUSE_EVENTS_SECRET", description="Signs them.")

    server_key: SecretStr = Field(
        default=SecretStr(""),
        validation_alias="METERHOUSE_SERVER_KEY",
        description="Signs access tokens and webhooks; a file in the home where not set.",
    )
    webhooks_allow_private: bool = Field(
        default=False,
        validation_alias="METERHOUSE_WEBHOOKS_ALLOW_PRIVATE",
        description="Whether subscribers may have events posted into private networks, and without TLS.",
    )

    @field_validator("events_url")
    @classmethod
    def _posts_somewhere(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password):
            raise ValueError("must be http(s)://host/path, without a user or password")
        return value

    @model_validator(mode="after")
    def _signs_what_it_posts(self) -> Self:
        if self.events_url and not self.events_secret.get_secret_value():
            raise ValueError("METERHOUSE_EVENTS_SECRET must be set where METERHOUSE_EVENTS_URL is: unsigned events could be anybody's")
        return self

    smtp_host: str = Field(default="", validation_alias="METERHOUSE_SMTP_HOST", description="Mails wait where it is not set.")
    smtp_port: int = Field(default=587, ge=1, le=65535, validation_alias="METERHOUSE_SMTP_PORT")
    smtp_security: Literal["starttls", "tls", "none"] = Field(default="starttls", validation_alias="METERHOUSE_SMTP_SECURITY")
    smtp_user: str = Field(default="", validation_alias="METERHOUSE_SMTP_USER")
    smtp_password: SecretStr = Field(default=SecretStr(""), validation_alias="METERHOUSE_SMTP_PASSWORD")
    smtp_from: str = Field(default="", validation_alias="METERHOUSE_SMTP_FROM", description="Address that mails come from.")
    smtp_reply_to: str = Field(default="", validation_alias="METERHOUSE_SMTP_REPLY_TO")
    mail_folder: str = Field(
        default="", validation_alias="METERHOUSE_MAIL_FOLDER", description="Mails become files there where no SMTP server is set."
    )
    pay_url: str = Field(default="", validation_alias="METERHOUSE_PAY_URL", description="Where customers pay; mails name it.")
    dunning_policy: str = Field(
        default="", validation_alias="METERHOUSE_DUNNING_POLICY", description="A file; control/policies/dunning.toml where not set."
    )

    @model_validator(mode="after")
    def _mails_from_somebody_and_hides_its_password(self) -> Self:
        if self.smtp_host and "@" not in self.smtp_from:
            raise ValueError("METERHOUSE_SMTP_FROM must be the address that mails come from where METERHOUSE_SMTP_HOST is set")
        if self.smtp_password.get_secret_value() and self.smtp_security == "none":
            raise ValueError("METERHOUSE_SMTP_SECURITY must be starttls or tls where METERHOUSE_SMTP_PASSWORD is set")
        return self

    adyen_api_key: SecretStr = Field(default=SecretStr(""), validation_alias="ADYEN_API_KEY")
    adyen_merchant_account: str = Field(default="", validation_alias="ADYEN_MERCHANT_ACCOUNT")
    adyen_hmac_key: SecretStr = Field(
        default=SecretStr(""), validation_alias="ADYEN_HMAC_KEY", description="Of the standard webhook, hexadecimal."
    )
    adyen_report_key: SecretStr = Field(
        default=SecretStr(""), validation_alias="ADYEN_REPORT_KEY", description="API key of a report user, for looks and reconciliation."
    )
    adyen_live_prefix: str = Field(
        default="",
        validation_alias="ADYEN_LIVE_PREFIX",
        description="Of the live URLs; Adyen's test system where not set.",
    )
    adyen_api_base: str | None = Field(default=None, validation_alias="ADYEN_API_BASE", description="URL of a test gateway.")

    @field_validator("seller_country_code")
    @classmethod
    def _two_letters(cls, value: str) -> str:
        if value and not (len(value) == 2 and value.isascii() and value.isalpha()):
            raise ValueError("must be a country code of two letters such as DE")
        return value.upper()

    @field_validator("seller_iban")
    @classmethod
    def _checked_iban(cls, value: str) -> str:
        if value and not iban.is_valid(value):
            raise ValueError("must be an IBAN with right check digits such as DE89370400440532013000")
        return str(iban.compact(value))

    @field_validator("fraud_policy", mode="before")
    @classmethod
    def _empty_is_the_default(cls, value: object) -> object:
        return value or None

    @field_validator("stripe_api_base", "adyen_api_base")
    @classmethod
    def _empty_is_not_set(cls, value: str | None) -> str | None:
        return value.rstrip("/") if value else None

    @property
    def seller(self) -> Seller:
        """The legal entity that issues, as it stands on documents."""
        return Seller(
            legal_name=self.seller_legal_name,
            address=self.seller_address,
            postal_code=self.seller_postal_code,
            city=self.seller_city,
            country_code=self.seller_country_code,
            tax_id=self.seller_tax_id,
        )


@lru_cache(maxsize=1)
def load_control_settings() -> ControlSettings:
    """The control settings of this process.

    Raises:
        SettingsError: naming each variable that is wrong, never its value.
    """
    try:
        return ControlSettings()
    except ValidationError as error:
        problems = "; ".join(
            f"{item['loc'][0] if item['loc'] else 'settings'}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors(include_input=False)
        )
        raise SettingsError(problems) from None
