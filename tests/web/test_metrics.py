"""GET /metrics: exact series, for the fleet and for what the service did."""

import gzip
import resource
from pathlib import Path

import pytest

from config import VERSION
from tests.series import Series, series
from tests.web.api import START, Api

WEB_01 = ("environment=prod", "host=web-01", "server_group=web", "server_type=nginx")


def scraped(api: Api) -> Series:
    answer = api.get("/metrics")
    assert answer.status == 200
    return series(answer.response.text)


def of_servers(api: Api) -> Series:
    return {key: value for key, value in scraped(api).items() if key[0].startswith("gitops_server_")}


def reports(api: Api) -> dict[tuple[str, ...], float]:
    """What was counted of reports, without what is 0."""
    return {key[1:]: value for key, value in scraped(api).items() if key[0] == "gitops_reports_total" and value}


def status_of(status: str) -> Series:
    return {
        ("gitops_server_status", *WEB_01, f"status={each}"): float(each == status)
        for each in ("synced", "out_of_sync", "failed", "unknown")
    }


def test_each_server_has_exactly_the_series_of_the_contract(api: Api) -> None:
    api.pipeline(server_type="nginx", environment="prod", commit_sha="abc1234", branch="main")
    api.clock.advance(60)
    api.cron(changed_files=["/etc/a", "/etc/b"])
    assert of_servers(api) == status_of("out_of_sync") | {
        ("gitops_server_problem", *WEB_01): 1,
        ("gitops_server_stale", *WEB_01): 0,
        ("gitops_server_changed_files", *WEB_01): 2,
        ("gitops_server_last_pipeline_timestamp_seconds", *WEB_01): START,
        ("gitops_server_last_check_timestamp_seconds", *WEB_01): START + 60,
        ("gitops_server_status_since_timestamp_seconds", *WEB_01): START + 60,
    }


def test_what_never_happened_has_no_series(api: Api) -> None:
    api.cron()
    names = {key[0] for key in of_servers(api)}
    assert "gitops_server_last_check_timestamp_seconds" in names
    assert "gitops_server_last_pipeline_timestamp_seconds" not in names


@pytest.mark.parametrize("status", ["synced", "out_of_sync", "failed", "unknown"])
def test_the_status_is_a_set_of_which_one_is_1(api: Api, status: str) -> None:
    api.pipeline(server_type="nginx", environment="prod", status=status)
    assert status_of(status).items() <= of_servers(api).items()


def test_a_server_turns_stale_by_time_alone(api: Api) -> None:
    api.cron(server_type="nginx", environment="prod", check_interval=300)
    watched = [("gitops_server_stale", *WEB_01), ("gitops_server_problem", *WEB_01)]
    api.clock.advance(600)
    assert [of_servers(api)[key] for key in watched] == [0, 0]
    api.clock.advance(1)
    assert [of_servers(api)[key] for key in watched] == [1, 1]


def test_a_deleted_server_leaves_nothing(api: Api) -> None:
    api.pipeline()
    assert "web-01" in api.get("/metrics").response.text
    api.delete("/status/web/web-01")
    assert of_servers(api) == {}
    assert "web-01" not in api.get("/metrics").response.text


@pytest.mark.parametrize(
    "evil",
    [
        'a"b',
        "a\\",
        'a\\"b',
        "a\nb",
        "a\\nb",
        'x"} 1\ngitops_server_problem{host="made-up"} 0\n# {',
        "ä \u2028 💥",
        "\t\r",
        "",
    ],
)
def test_label_text_is_given_as_it_was_sent_and_breaks_out_of_nothing(api: Api, evil: str) -> None:
    api.pipeline(server_type=evil, environment=evil)
    assert api.record()["environment"] == evil
    labels = {f"environment={evil}", f"server_type={evil}", "host=web-01", "server_group=web"}
    found = of_servers(api)
    assert len(found) == 9
    for name, *given in found:
        assert {label for label in given if name != "gitops_server_status" or label[:7] != "status="} == labels


def test_no_commit_is_in_a_label(api: Api) -> None:
    api.pipeline(commit_sha="abc1234", commit_message="secret", branch="mine", updated_by="me")
    text = api.get("/metrics").response.text
    assert not [word for word in ("abc1234", "secret", "mine", '"me"') if word in text]


def test_every_metric_says_what_it_is(api: Api) -> None:
    api.pipeline()
    text = api.get("/metrics").response.text
    contract = Path("docs/API.md").read_text().partition("| metric | type |")[2]
    types = [line.split("|")[1:3] for line in contract.splitlines() if line.startswith("| gitops_")]
    expected = {(name.strip(), kind.strip()) for names, kind in types for name in names.split(",")}
    assert len(expected) >= 15
    for name, kind in expected:
        assert f"# TYPE {name} {kind}\n" in text
        assert f"# HELP {name} " in text
    assert text.count("# TYPE ") == text.count("# HELP ") == len(expected)


def test_reports_are_counted_by_source_and_result(api: Api) -> None:
    api.pipeline()
    api.pipeline([{"server_group": "web", "host": host, "status": "synced"} for host in ("web-01", "web-01", "web-02")])
    api.cron()
    api.legacy(sync_status="SYNCED")
    api.cron(status="green")
    api.request("POST", "/status/cron", data="{}")
    api.pipeline([{"server_group": "web"}, {"server_group": "web"}])
    api.legacy(server="no such name")
    assert reports(api) == {
        ("result=stored", "source=pipeline"): 4,
        ("result=stored", "source=cron"): 1,
        ("result=stored", "source=legacy"): 1,
        ("result=refused", "source=cron"): 2,
        ("result=refused", "source=pipeline"): 1,
        ("result=refused", "source=legacy"): 1,
    }


def test_a_report_that_could_not_be_stored_counts_as_failed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    api = Api(tmp_path / "file")
    api.pipeline()
    assert reports(api) == {("result=failed", "source=pipeline"): 1}


def test_every_count_of_reports_is_there_from_the_start(api: Api) -> None:
    found = {key: value for key, value in scraped(api).items() if key[0] == "gitops_reports_total"}
    assert len(found) == 9
    assert set(found.values()) == {0}


def test_readings_count_as_no_reports(api: Api) -> None:
    api.get("/status")
    api.get("/status/cron")
    api.request("PUT", "/status/cron")
    assert reports(api) == {}


def test_requests_are_measured_by_method_route_and_code(api: Api) -> None:
    api.pipeline()
    api.get("/status/web/web-01")
    api.get("/status/web/web-02")
    api.get("/status/web/web-03")
    counts = {
        key[1:]: value for key, value in scraped(api).items() if key[0].endswith("request_duration_seconds_count")
    }
    assert counts == {
        ("code=201", "method=POST", "route=/status/pipeline"): 1,
        ("code=200", "method=GET", "route=/status/<server_group>/<host>"): 1,
        ("code=404", "method=GET", "route=/status/<server_group>/<host>"): 2,
    }


def test_made_up_paths_and_methods_make_one_series(api: Api) -> None:
    for number in range(5):
        api.get(f"/made/up/{number}/path/x")
        api.request(f"BREW{number}", f"/made-up-{number}")
    counts = {
        key[1:]: value for key, value in scraped(api).items() if key[0].endswith("request_duration_seconds_count")
    }
    assert counts == {
        ("code=404", "method=GET", "route=unknown"): 5,
        ("code=404", "method=unknown", "route=unknown"): 5,
    }


def test_two_services_in_one_process_count_each_its_own(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    one, other = Api(tmp_path), Api(tmp_path / "other")
    one.pipeline()
    assert reports(one) == {("result=stored", "source=pipeline"): 1}
    assert reports(other) == {}


def test_each_commit_that_wrote_is_measured_and_no_other(api: Api) -> None:
    api.pipeline()
    api.cron()
    api.delete("/status/web/web-01")
    api.delete("/status/web/web-01")
    api.pipeline(status="green")
    assert scraped(api)[("gitops_store_commit_duration_seconds_count",)] == 3
    assert scraped(api)[("gitops_store_commit_duration_seconds_sum",)] > 0


def test_the_journal_is_as_large_as_its_file(api: Api) -> None:
    assert scraped(api)[("gitops_store_journal_bytes",)] == 0
    api.pipeline()
    size = api.store.with_name("status.json.journal").stat().st_size
    assert scraped(api)[("gitops_store_journal_bytes",)] == size > 0


def test_a_store_out_of_order_is_said_and_shows_no_servers_until_it_is_mended(api: Api) -> None:
    api.pipeline()
    assert scraped(api)[("gitops_store_ready",)] == 1
    whole = api.store.read_bytes()
    api.store.write_text("{ damaged")
    assert scraped(api)[("gitops_store_ready",)] == 0
    assert of_servers(api) == {}
    assert reports(api) == {("result=stored", "source=pipeline"): 1}
    api.store.write_bytes(whole)
    assert scraped(api)[("gitops_store_ready",)] == 1
    assert of_servers(api) != {}


def test_a_scrape_writes_nothing_and_tells_of_the_write_that_failed_until_one_succeeds(api: Api) -> None:
    ready = ("gitops_store_ready",)
    api.pipeline()
    folder = api.store.parent
    before = {path: path.stat().st_mtime_ns for path in (folder, *folder.iterdir())}
    assert [scraped(api)[ready] for _ in range(3)] == [1, 1, 1]
    assert {path: path.stat().st_mtime_ns for path in (folder, *folder.iterdir())} == before
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_024, hard))
    try:
        assert api.pipeline(validation_message="x" * 4_000).status == 503
        assert scraped(api)[ready] == 0
        assert api.get("/ready").status == 503
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert scraped(api)[ready] == 1
    assert api.get("/ready").status == 200


def test_the_problems_of_each_group_are_counted_to_0(api: Api) -> None:
    def problems() -> Series:
        return {key[1:]: value for key, value in scraped(api).items() if key[0] == "gitops_group_problems"}

    assert problems() == {}
    for group, host, status in (
        ("a", "x", "failed"),
        ("a", "y", "out_of_sync"),
        ("a", "z", "synced"),
        ("b", "x", "synced"),
    ):
        api.pipeline(server_group=group, host=host, status=status)
    assert problems() == {("server_group=a",): 2, ("server_group=b",): 0}
    api.pipeline(server_group="a", host="x", status="synced")
    api.delete("/status/a/y")
    assert problems() == {("server_group=a",): 0, ("server_group=b",): 0}
    api.delete("/status/b/x")
    assert problems() == {("server_group=a",): 0}


def test_the_version_is_told(api: Api) -> None:
    assert scraped(api)[("gitops_build_info", f"version={VERSION}")] == 1


def test_it_is_plain_text_and_compressed_when_asked(api: Api) -> None:
    api.pipeline()
    plain, packed = api.get("/metrics"), api.get("/metrics", accept_encoding="gzip")
    for answer in (plain, packed):
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert answer.headers["Vary"] == "Accept-Encoding"
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    unpacked = series(gzip.decompress(packed.response.data).decode())
    assert {key for key in series(plain.response.text) if "server" in key[0]} <= unpacked.keys()
