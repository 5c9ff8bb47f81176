"""Whatever the OpenAPI document allows or forbids, the service answers as it says."""

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.core.result import Ok

from domain.query import AGES
from domain.timeline import WINDOW
from tests.web.api import ADMIN_TOKEN, Api

EXAMPLES = 20


@pytest.mark.parametrize("access", [{}, {"auth": "all", "legacy_auth": "token"}], ids=["open", "all"])
def test_the_service_keeps_its_document(tmp_path: Path, access: dict[str, Any]) -> None:
    api = Api(tmp_path, admin_token=ADMIN_TOKEN, **access)
    schema = schemathesis.openapi.from_wsgi("/openapi.json", api.app)
    headers = {"Accept-Encoding": "identity", "Authorization": f"Bearer {ADMIN_TOKEN}"}  # nothing unpacks it here
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) == 33

    for operation in operations:

        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def keeps(case: schemathesis.Case[Any]) -> None:
            case.query.pop("step", None)  # no schema can say which step fits to which times
            times = [name for name in (*AGES, *WINDOW) if name in case.query]
            for name in times if case.path == "/history/summary" else times[1:]:
                del case.query[name]  # nor which times fit together
            api.clock.advance(60)  # it tries wrong tokens too, and many in a minute are another answer
            case.call_and_validate(headers=headers)

        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE))
        def refuses(case: schemathesis.Case[Any]) -> None:
            api.clock.advance(60)  # it tries wrong tokens too, and many in a minute are another answer
            case.call_and_validate(headers=headers)

        keeps()
        # What takes no input cannot be given a wrong one; and the old dialect forgives by contract.
        if (operation.query or operation.body) and operation.path != "/api/status":
            refuses()
