"""Each report of `deploy` and `check` names the installation that made it, so two machines with one name are noticed."""

import json
import re
import stat

from tests.agent.answers import RECORD, answering
from tests.agent.stack import Stack
from tests.process.service import free_port


def test_the_name_is_made_once_and_is_in_each_report_about_the_own_server(host: Stack) -> None:
    with answering(RECORD) as server:
        host.configure(statusUrl=server.url)
        for command in (["deploy"], ["check"], ["deploy"], ["report", "cron"]):
            assert host.agent(*command, "--config", host.folder / "config.json").returncode == 0
    names = [json.loads(body).get("agent") for body in server.bodies]
    assert re.fullmatch("[0-9a-f]{16}", names[0])
    assert names == [names[0]] * 3 + [None], "`report` speaks for whichever server its script names"
    kept = host.folder / "state/agent"
    assert (json.loads(kept.read_text()), stat.S_IMODE(kept.stat().st_mode)) == (names[0], 0o600)
    assert f"Its reports carry the name {names[0]}." in doctor(host)


def test_a_name_that_is_damaged_is_made_anew_and_one_that_cannot_be_kept_is_left_out(host: Stack) -> None:
    kept = host.folder / "state/agent"
    kept.parent.mkdir()
    kept.write_text('"a b"')
    with answering(RECORD) as server:
        host.configure(statusUrl=server.url)
        assert host.deploy().returncode == 0
        kept.unlink()
        kept.mkdir()
        assert host.deploy().returncode == 0
    first, second = (json.loads(body) for body in server.bodies)
    assert re.fullmatch("[0-9a-f]{16}", first["agent"])
    assert "agent" not in second
    assert "Its reports carry the name of no installation." in doctor(host)


def test_the_board_says_that_two_machines_take_turns(host: Stack) -> None:
    for state in ("one", "two", "one"):
        assert host.board().get("notice", "") == ""
        host.configure(stateDir=str(host.folder / state))
        assert host.deploy().returncode == 0
    one, two = sorted(json.loads((host.folder / state / "agent").read_text()) for state in ("one", "two"))
    assert f"take turns in reporting about this server ({one}, {two})" in host.board()["notice"]


def test_deploy_and_check_say_how_long_their_reports_waited_also_when_another_command_sends_them(host: Stack) -> None:
    host.configure(statusUrl=f"http://127.0.0.1:{free_port()}")
    for command in ("deploy", "check"):
        assert host.agent(command, "--config", host.folder / "config.json").returncode == 0
    for file in (host.folder / "state/spool").glob("*.json"):
        file.write_text(json.dumps({**json.loads(file.read_text()), "since": "2026-04-26T10:15:00Z"}))
    host.configure()
    done = host.agent("report", "cron", "--config", host.folder / "config.json", "--host", "another")
    assert done.returncode == 0
    board = host.board()
    assert board["last_pipeline_run"].startswith("2026-04-26T10:15:0")
    assert board["last_cron_check"].startswith("2026-04-26T10:15:0")
    assert board["timestamp"] > board["last_cron_check"]
    assert board["stale"] is True


def doctor(host: Stack) -> str:
    """What the doctor says."""
    return host.agent("doctor", "--config", host.folder / "config.json").stdout
