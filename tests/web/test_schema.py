"""Whatever the OpenAPI document allows or forbids, the service answers as it says."""

from pathlib import Path

import schemathesis
from hypothesis import HealthCheck, given, settings

from tests.web.api import Api

EXAMPLES = 40


def test_the_service_keeps_its_document(tmp_path: Path) -> None:
    schema = schemathesis.openapi.from_wsgi("/openapi.json", Api(tmp_path).app)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) == 13

    for operation in operations:

        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def keeps(case: schemathesis.Case) -> None:
            case.call_and_validate()

        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE))
        def refuses(case: schemathesis.Case) -> None:
            case.call_and_validate()

        keeps()
        refuses()
