"""The faults that every gateway is put through."""

from __future__ import annotations

import pytest

from tests.contract.fake_gateway import Fault

FAULTS: tuple[Fault, ...] = ("error_before", "error_after", "bad_gateway_after", "drop_before", "drop_after", "rate_limit")

every_fault = pytest.mark.parametrize("fault", FAULTS)
