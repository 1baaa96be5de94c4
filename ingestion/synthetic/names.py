"""Who the customers of a generated cloud are: names, places, currencies, tax ids.

All are invented; mail goes to `.example`, which no one can own. Tax ids carry right check digits, because the control
plane checks them.
"""

from __future__ import annotations

from dataclasses import dataclass

from ingestion.synthetic.numbers import draw

_FIRST = (
    ("Acme Robotics", "acme-robotics"),
    ("Nordlicht AI", "nordlicht-ai"),
    ("Sakura Vision", "sakura-vision"),
    ("Tulip Genomics", "tulip-genomics"),
    ("Pelican Games", "pelican-games"),
    ("Heron Analytics", "heron-analytics"),
)
# fmt: off
_MODIFIERS = (
    "Amber", "Birch", "Cobalt", "Copper", "Coral", "Crimson", "Delta", "Dune", "Ember", "Falcon", "Fjord", "Granite", "Harbor",
    "Hazel", "Indigo", "Ivory", "Juniper", "Kestrel", "Lantern", "Larch", "Lumen", "Maple", "Meadow", "Mistral", "Nova", "Ocean",
    "Onyx", "Opal", "Orchid", "Osprey", "Pebble", "Polar", "Prairie", "Quartz", "Raven", "Saffron", "Sierra", "Summit", "Tidal",
    "Willow",
)
_TRADES = (
    "Analytics", "Biotech", "Cinema", "Climate", "Dynamics", "Energy", "Finance", "Foods", "Games", "Genomics", "Imaging",
    "Insurance", "Labs", "Language", "Learning", "Logistics", "Maps", "Media", "Mobility", "Motors", "Optics", "Photonics",
    "Proteins", "Research", "Robotics", "Satellites", "Security", "Semantics", "Simulation", "Speech", "Studios", "Systems",
    "Textiles", "Therapeutics", "Transit", "Translation", "Travel", "Vision", "Weather", "Wind",
)
# fmt: on


@dataclass(frozen=True, kw_only=True)
class Place:
    """A country with the currency its customers are billed in and one address there."""

    country_code: str
    currency_code: str
    address: str
    postal_code: str
    city: str
    legal_form: str


# Every fifth account is American twice, so USD leads; JPY has no minor unit.
PLACES = (
    Place(
        country_code="US", currency_code="USD", address="500 Market Street", postal_code="94105", city="San Francisco", legal_form="Inc."
    ),
    Place(country_code="DE", currency_code="EUR", address="Invalidenstraße 50", postal_code="10557", city="Berlin", legal_form="GmbH"),
    Place(country_code="JP", currency_code="JPY", address="1-2-3 Shibuya", postal_code="150-0002", city="東京", legal_form="株式会社"),
    Place(country_code="NL", currency_code="EUR", address="Keizersgracht 100", postal_code="1015 AA", city="Amsterdam", legal_form="B.V."),
    Place(country_code="US", currency_code="USD", address="200 Congress Avenue", postal_code="78701", city="Austin", legal_form="LLC"),
    Place(country_code="GB", currency_code="GBP", address="10 Finsbury Square", postal_code="EC2A 1AF", city="London", legal_form="Ltd"),
)


@dataclass(frozen=True, kw_only=True)
class Customer:
    """One account: `slug` is in the ids of all it owns."""

    slug: str
    name: str
    place: Place
    tax_id: str

    @property
    def account_id(self) -> str:
        """The account's id, such as acc-acme-robotics."""
        return f"acc-{self.slug}"

    @property
    def legal_name(self) -> str:
        """The name on an invoice."""
        return f"{self.name} {self.place.legal_form}"


def customer(index: int, *, stream: int) -> Customer:
    """The customer at `index` from 0; names and ids of different indices differ."""
    place = PLACES[index % len(PLACES)]
    tax_id = _tax_id(place.country_code, draw(stream, index))
    if index < len(_FIRST):
        name, slug = _FIRST[index]
        return Customer(slug=slug, name=name, place=place, tax_id=tax_id)
    turn, trade = divmod(index - len(_FIRST), len(_TRADES))
    turn, modifier = divmod(turn, len(_MODIFIERS))
    # The trade moves on with the modifier, so that neighbours in the list do not share a word.
    name = f"{_MODIFIERS[(modifier + trade) % len(_MODIFIERS)]} {_TRADES[trade]}"
    name = f"{name} {turn + 1}" if turn else name
    return Customer(slug=name.lower().replace(" ", "-"), name=name, place=place, tax_id=tax_id)


def _tax_id(country_code: str, word: int) -> str:
    """A tax id with right check digits, or empty where customers of the country rarely give one."""
    if country_code == "DE":
        return _german_vat(10_000_000 + word % 90_000_000)
    if country_code == "NL":
        return _dutch_vat(10_000_000 + word % 90_000_000)
    return ""


def _german_vat(number: int) -> str:
    """DE and nine digits, the last by ISO 7064 MOD 11,10 over the eight of `number`."""
    product = 10
    for digit in str(number):
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return f"DE{number}{(11 - product) % 10}"


def _dutch_vat(number: int) -> str:
    """NL, nine digits, B, two digits: MOD 97-10 over the whole id with letters as 10 to 35."""
    body = f"NL{number}0B"
    digits = "".join(str(int(character, 36)) for character in body)
    return f"{body}{98 - int(digits + '00') % 97:02d}"
