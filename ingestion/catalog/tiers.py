"""The shape of graduated and volume prices: tiers 1 to n, up_to rising, the last one open."""

from __future__ import annotations

from itertools import pairwise

from ingestion.catalog.draft import Draft, Entry
from ingestion.catalog.rows import PriceTier


def check_tiers(draft: Draft) -> None:
    """Note tiers of a price that has none, prices without theirs, and tiers that do not cover every quantity once."""
    # Tiers that could not be read still count as there, else one bad cell would make the whole price look broken.
    named = {line.cell("price_id") for line in draft.price_tiers.bad}
    tiers: dict[str, list[Entry[PriceTier]]] = {}
    for tier in draft.price_tiers.good:
        tiers.setdefault(tier.row.price_id, []).append(tier)
    for price in draft.prices.good:
        price_id, model = price.row.price_id, price.row.model
        own = tiers.get(price_id, [])
        if model not in ("graduated", "volume"):
            for tier in own:
                tier.line.refuse("price_id", f"price {price_id!r} is {model} and has no tiers; remove them or make it graduated or volume")
        elif price_id not in named and draft.price_tiers.is_whole:
            if own:
                _check_shape(own)
            else:
                price.line.refuse("model", f"a {model} price needs tiers; add lines for {price_id!r} to price_tiers.csv")


def _check_shape(tiers: list[Entry[PriceTier]]) -> None:
    ordered = sorted(tiers, key=lambda entry: (entry.row.tier, entry.line.number))
    for position, entry in enumerate(ordered, start=1):
        if entry.row.tier != position:
            entry.line.refuse(
                "tier", f"tier {entry.row.tier} stands where tier {position} is expected; number the tiers of a price 1, 2, 3 …"
            )
            return
    for entry, following in pairwise(ordered):
        if entry.row.up_to is None:
            entry.line.refuse("up_to", "must not be empty: only the last tier of a price is open")
        elif following.row.up_to is not None and following.row.up_to <= entry.row.up_to:
            following.line.refuse(
                "up_to", f"{following.row.up_to:f} must be more than {entry.row.up_to:f}, the up_to of tier {entry.row.tier}"
            )
    last = ordered[-1]
    if last.row.up_to is not None:
        last.line.refuse("up_to", "must be empty in the last tier, so that every quantity has a price; add an open tier after this one")
