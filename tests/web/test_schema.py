"""Whatever the OpenAPI document allows or forbids, the service answers as it says."""

from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.core.result import Ok

from domain.query import AGES
from domain.timeline import WINDOW
from tests.web.api import Api

EXAMPLES = 40


def test_the_service_keeps_its_document(tmp_path: Path) -> None:
    schema = schemathesis.openapi.from_wsgi("/openapi.json", Api(tmp_path).app)
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) == 25

    for operation in operations:

        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def keeps(case: schemathesis.Case[Any]) -> None:
            case.query.pop("step", None)  # no schema can say which step fits to which times
            times = [name for name in (*AGES, *WINDOW) if name in case.query]
            for name in times if case.path == "/history/summary" else times[1:]:
                del case.query[name]  # nor which times fit together
            case.call_and_validate(headers={"Accept-Encoding": "identity"})  # nothing unpacks it here

        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE))
        def refuses(case: schemathesis.Case[Any]) -> None:
            case.call_and_validate(headers={"Accept-Encoding": "identity"})  # nothing unpacks it here

        keeps()
        # What takes no input cannot be given a wrong one; and the old dialect forgives by contract.
        if (operation.query or operation.body) and operation.path != "/api/status":
            refuses()
