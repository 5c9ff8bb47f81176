"""Whatever the OpenAPI document allows or forbids, the service answers as it says."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from domain.query import AGES
from domain.timeline import WINDOW
from tests.web.api import ADMIN_TOKEN, Api

EXAMPLES = settings().max_examples // 5  # for each route, right ones and wrong ones


def service(folder: Path, auth: str) -> Api:
    folder.mkdir()
    return Api(folder, admin_token=ADMIN_TOKEN, auth=auth, legacy_auth="token")


def without_security(api: Api) -> Any:
    """The document, but for who needs a token."""
    document = api.get("/openapi.json").json
    for operation in (operation for methods in document["paths"].values() for operation in methods.values()):
        operation.pop("security", None)
    return document


@pytest.mark.hypothesis
def test_the_service_keeps_its_document(tmp_path: Path) -> None:
    """Each case is asked of a service that wants a token everywhere, and of an open one: to find cases takes longer than
    to answer them. The documents of the two differ only in who needs a token.
    """
    import schemathesis  # not above, as every process of the tests loads this file, and this takes a second
    from schemathesis.core.result import Ok
    from schemathesis.specs.openapi.checks import ignored_auth

    api, open_ = (service(tmp_path / auth, auth) for auth in ("all", "open"))
    assert without_security(api) == without_security(open_)
    schema = schemathesis.openapi.from_wsgi("/openapi.json", api.app)
    headers = {"Accept-Encoding": "identity", "Authorization": f"Bearer {ADMIN_TOKEN}"}  # nothing unpacks it here
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) == 34

    def ask_both(case: schemathesis.Case[Any]) -> None:
        for one in (api, open_):
            one.clock.advance(60)  # it tries wrong tokens too, and many in a minute are another answer
        case.call_and_validate(headers=headers)
        case.call_and_validate(headers=headers, app=open_.app, excluded_checks=[ignored_auth])

    for operation in operations:

        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def keeps(case: schemathesis.Case[Any]) -> None:
            case.query.pop("step", None)  # no schema can say which step fits to which times
            times = [name for name in (*AGES, *WINDOW) if name in case.query]
            for name in times if case.path == "/history/summary" else times[1:]:
                del case.query[name]  # nor which times fit together
            ask_both(case)

        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE))
        def refuses(case: schemathesis.Case[Any]) -> None:
            ask_both(case)

        keeps()
        # What takes no input cannot be given a wrong one; and the old dialect forgives by contract.
        if (operation.query or operation.body) and operation.path != "/api/status":
            refuses()
