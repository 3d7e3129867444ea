"""The published description of the API holds against the running stack."""

from __future__ import annotations

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from tests.stack import Stack

pytestmark = pytest.mark.stack
EXAMPLES = 30
OPERATIONS = 8


def test_a_schema_based_fuzzer_finds_nothing(stack: Stack) -> None:
    document = httpx.get(f"{stack.base_url}/api/v1/openapi.json").json()
    operations = [
        result.ok() for result in schemathesis.openapi.from_dict(document).get_all_operations()
    ]
    assert len(operations) == OPERATIONS
    patient = stack.conversation()
    for operation in operations:

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def probe(case: schemathesis.Case) -> None:
            case.call_and_validate(base_url=stack.base_url, headers=patient.headers)

        probe()
    patient.client.close()
