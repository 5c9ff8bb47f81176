"""What `rsyslogd -N1` says of a configuration, on which the examples and docs/AGENT.md rely: by its exit status alone."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.process.service import wait_until

GOOD = '*.* action(type="omfile" file="/dev/null")\n'
NO_INCLUDE = 'include(file="/nonexistent/x.conf" mode="required")\n'
NO_CA = 'global(DefaultNetstreamDriverCAFile="/nonexistent/ca.pem")\n'

pytestmark = pytest.mark.skipif(not shutil.which("rsyslogd"), reason="rsyslogd is not installed; .ci/run installs it")


@pytest.mark.parametrize(
    ("added", "status"),
    [
        ("", 0),
        ('module(load="imnothing")\n', 1),
        ('template(name="t" type="string" string="%nothing%")\n', 1),
        (NO_INCLUDE, 1),
        (NO_CA, 1),
        # Whether a port can be had only a check after the update finds out.
        ('module(load="imtcp")\ninput(type="imtcp" port="70000")\n', 0),
    ],
    ids=["good", "module", "property", "include", "ca", "port"],
)
def test_the_check_tells_by_its_exit_status(tmp_path: Path, added: str, status: int) -> None:
    (tmp_path / "conf").write_text(added + GOOD)
    assert (
        subprocess.run(["rsyslogd", "-N1", "-f", tmp_path / "conf"], check=False, capture_output=True).returncode
        == status
    )


@pytest.mark.parametrize("added", [NO_INCLUDE, NO_CA], ids=["include", "ca"])
def test_it_refuses_what_rsyslog_starts_with(tmp_path: Path, added: str) -> None:
    conf, pid = tmp_path / "conf", tmp_path / "pid"
    conf.write_text(added + GOOD)
    with subprocess.Popen(["rsyslogd", "-n", "-f", conf, "-i", pid], stderr=subprocess.DEVNULL) as daemon:
        try:
            wait_until(pid.exists, "it has started")
            assert daemon.poll() is None
        finally:
            daemon.terminate()
