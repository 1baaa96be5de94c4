"""Where things run: the regions of the generated cloud and the projects of its customers.

Shared by usage and lifecycle events; what runs there is theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

from ingestion.synthetic.names import Customer, customer
from ingestion.synthetic.numbers import draw, key
from ingestion.synthetic.shape import Shape

REGIONS = ("eu-north1", "us-central1", "ap-northeast1")
# Hours between UTC and the local time of each region: usage follows the local day.
REGION_UTC_HOURS = (1, -6, 9)
_HOME_REGION = {"DE": 0, "NL": 0, "GB": 0, "US": 1, "JP": 2}
PROJECTS = ("platform", "research", "production")
TEAMS = ("ml", "data", "web", "infra")

# Sizes of customers, as weights: in a group of six one is large, two are medium, three are small.
_WEIGHTS = (5, 3, 2, 2, 1, 1)


@dataclass(frozen=True)
class Owner:
    """A customer and what its account owns by chance: its share of the cloud."""

    customer: Customer
    index: int

    @property
    def weight(self) -> int:
        """How many resources the account has beside the others, 1 to 5."""
        return _WEIGHTS[self.index % len(_WEIGHTS)]

    def project(self, word: int) -> str:
        """One of the account's projects."""
        return f"prj-{self.customer.slug}-{PROJECTS[word % len(PROJECTS)]}"

    def region(self, word: int) -> int:
        """Index of a region: at home three times out of four."""
        home = _HOME_REGION[self.customer.place.country_code]
        return home if word % 4 else (home + 1 + (word >> 2) % 2) % len(REGIONS)


class Landscape:
    """The customers of a shape, and who owns the resource at an index."""

    def __init__(self, shape: Shape) -> None:
        stream = key(shape.seed, "customers")
        self.owners = [Owner(customer(index, stream=stream), index) for index in range(shape.accounts)]
        self._groups, rest = divmod(shape.accounts, len(_WEIGHTS))
        self._tickets = [member for member, weight in enumerate(_WEIGHTS) for _ in range(weight)]
        self._rest_tickets = [self._groups * len(_WEIGHTS) + member for member in range(rest) for _ in range(_WEIGHTS[member])]

    def owner(self, resource: int, word: int) -> Owner:
        """Each account owns one resource of the first ones; the rest fall to accounts by weight."""
        if resource < len(self.owners):
            return self.owners[resource]
        full = self._groups * len(self._tickets)
        ticket = word % (full + len(self._rest_tickets))
        if ticket >= full:
            return self.owners[self._rest_tickets[ticket - full]]
        group, seat = divmod(ticket, len(self._tickets))
        return self.owners[group * len(_WEIGHTS) + self._tickets[seat]]

    def another(self, owner: Owner, word: int) -> Owner:
        """A different account, or the same one where it is alone."""
        return self.owners[(owner.index + 1 + word % max(1, len(self.owners) - 1)) % len(self.owners)]

    def anyone(self, stream: int, index: int) -> Owner:
        """An account by weight."""
        return self.owner(len(self.owners), draw(stream, index))


def label_text(team: int) -> str:
    """The labels of a resource as JSON; some resources carry none."""
    return "{}" if team % 5 == 4 else f'{{"team":"{TEAMS[team % 5]}"}}'
