"""Schemathesis over the whole document: valid and invalid requests to each operation, every answer checked against it."""

from __future__ import annotations

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode

from tests.api_bench.world import World


def failures(world: World, *, examples: int) -> list[str]:
    """What any operation answered that the document does not allow, in words; each operation is tried anew with random requests."""
    found = []
    headers = world.bearer(world.key())
    schema = schemathesis.openapi.from_url(f"{world.url}/v1/openapi.json", headers=headers)
    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @settings(
                max_examples=examples,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def conforms(case: Case) -> None:
                answer = case.call(headers=headers)
                try:
                    case.validate_response(answer)
                except* Exception as group:  # noqa: BLE001 - whatever it is, it is a failure of this operation
                    told = f"{answer.status_code} {answer.text[:300]} to {case.as_curl_command()[:600]}"
                    raise NonconformityError("; ".join(str(error) for error in group.exceptions) + f"\n{told}") from None

            try:
                conforms()
            except NonconformityError as error:
                found.append(f"{operation.label} ({mode.value}): {error}")
    return found


class NonconformityError(Exception):
    """An answer that the document does not allow, and the request it was given to."""
