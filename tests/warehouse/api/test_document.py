"""The document against the server: schemathesis tries every operation with what the document allows and with what it forbids.

A deeper look: `python -m tests.api_bench.deep`.
"""

from __future__ import annotations

from tests.api_bench.conformance import failures
from tests.api_bench.world import World

# Of each operation, each of valid and of invalid requests.
EXAMPLES = 2


def test_every_answer_is_one_that_the_document_allows(world: World) -> None:
    assert failures(world, examples=EXAMPLES) == []
