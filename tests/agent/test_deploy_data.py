"""What stands in a service's folder and is none of git's: data that a container writes, and files put there by hand."""

import json
from dataclasses import replace

from tests.agent.agents import Agent, git, write
from tests.agent.servers import unprivileged
from tests.agent.stack import Stack

IGNORED = ".gitops_checksums.json\nredis/data/\n"


def test_data_that_git_ignores_is_no_reason_to_make_anything(host: Stack) -> None:
    host.remote.push({".gitignore": IGNORED})
    data = host.remote.clone / "redis/data/dump.rdb"
    host.on_up("", f"mkdir -p {data.parent}; echo first > {data}")
    assert host.deploy().returncode == 0
    host.made()
    data.write_text("second")
    done = host.deploy()
    assert (done.returncode, host.made()) == (0, [])
    assert "redis/data" not in done.stdout
    host.remote.push({"redis/redis.conf": "new"})
    host.deploy()
    assert host.made() == ["redis"]


def test_data_that_cannot_be_read_stops_nothing(host: Stack) -> None:
    """As the folder of PostgreSQL, which only its own user may look into."""
    host.remote.push({".gitignore": IGNORED})
    host = replace(host, agent=Agent(host.folder, [*unprivileged(), *host.agent.program]))
    data = host.remote.clone / "redis/data"
    data.mkdir()
    (host.remote.clone / "web/other").mkdir()  # which git does not even ignore
    for folder in (data, host.remote.clone / "web/other"):
        (folder / "file").write_text("1")
        folder.chmod(0)
    assert host.deploy().returncode == 0
    host.made()
    host.remote.push({"redis/redis.conf": "new", "web/nginx.conf": "new"})
    done = host.deploy()
    assert (done.returncode, host.made()) == (0, ["redis", "web"]), done.stdout
    for folder in (data, host.remote.clone / "web/other"):
        folder.chmod(0o700)


def test_what_git_neither_has_nor_ignores_is_named_once_a_run_and_does_not_count(host: Stack) -> None:
    host.deploy()
    host.made()
    write(host.remote.clone, {f"redis/hand{number}": "" for number in range(10, 24)})
    write(host.remote.clone, {"logstash/cache/a": "", "logstash/cache/b": "", "elsewhere": ""})
    done = host.deploy()
    assert (done.returncode, host.made()) == (0, [])
    names = ["logstash/cache/", *(f"redis/hand{number}" for number in range(10, 19))]
    said = "Git does not have these, so no change of them counts: {} and 5 more.".format(", ".join(names))
    assert done.stdout.count(said) == 1
    assert host.board()["status"] == "synced"


def test_a_tracked_file_counts_though_it_is_ignored_and_as_it_is_on_the_disk(host: Stack) -> None:
    write(host.remote.work, {".gitignore": IGNORED, "redis/data/seed": "1"})
    git(host.remote.work, "add", "--force", "redis/data/seed")
    host.remote.push({})
    host.deploy()
    host.made()
    (host.remote.clone / "redis/data/seed").write_text("by hand")
    host.deploy()
    assert host.made() == ["redis"]
    (host.remote.clone / "redis/data/seed").unlink()
    host.deploy()
    assert host.made() == ["redis"]


def earlier(host: Stack, **other: str) -> None:
    """The file of checksums as an earlier version left it, for which everything in a folder counted."""
    saved = {key: value for key, value in host.saved().items() if key != "version"}
    old = {key: "0" * 64 for key in saved if key.startswith("service_")}
    host.checksums.write_text(json.dumps({**saved, **old, **other}))


def test_an_upgrade_makes_nothing_that_was_made(host: Stack) -> None:
    host.deploy()
    host.made()
    saved = host.saved()
    earlier(host)
    assert host.deploy("--dry-run").stdout.endswith("Would do nothing.\n")
    assert host.deploy().returncode == 0
    assert (host.made(), host.saved()) == ([], saved)


def test_an_upgrade_makes_what_came_with_it_or_was_edited_or_had_failed(host: Stack) -> None:
    host.deploy()
    host.on_up("logstash", "exit 1")
    host.remote.push({"logstash/pipeline/logstash.conf": "new"})
    assert host.deploy().returncode == 1
    host.made()
    earlier(host)
    (host.remote.clone / "web/nginx.conf").write_text("by hand")
    assert host.deploy("--dry-run").stdout.count("Would run make") == 2
    host.on_up("logstash", "")
    host.remote.push({"redis/redis.conf": "new"})
    assert host.deploy("--dry-run").stdout.count("Would run make") == 3
    host.deploy()
    assert host.made() == ["logstash", "redis", "web"]
    host.deploy()
    assert host.made() == []


def test_a_file_of_checksums_without_any_state_makes_the_services_again(host: Stack) -> None:
    """Whether they were made is not known, and nothing may be called made that is not."""
    host.deploy()
    host.made()
    earlier(host)
    (host.folder / f"state/servers/{host.group}/h1/deploy.json").unlink()
    host.deploy()
    assert host.made() == ["logstash", "redis", "web"]
