"""The drift script of INTEGRATION_EXAMPLES.md compares what git checks out, and not what git keeps."""

import shutil
from pathlib import Path

import requests

from tests.process.examples import DriftCheck, block, git
from tests.process.service import running


def test_files_are_compared_as_git_checks_them_out_by_the_attributes_of_the_root(tmp_path: Path) -> None:
    (tmp_path / "drift").mkdir()
    with running(tmp_path, workers=1) as service:
        files = {"etc/run.bat": "one\n", "etc/a.id": "$Id$\n"}
        script = block("A drift check by cron", "sh")
        check = DriftCheck.set_up(tmp_path / "drift", service.url, "converted", script, files)
        (check.folder / "origin/.gitattributes").write_text("*.bat text eol=crlf\n*.id ident\n")
        check.commit()
        git(check.folder, "clone", "--quiet", "origin", "copy")
        for name in files:
            shutil.copy(check.folder / "copy/files" / name, check.target / name)
        assert (check.target / "etc/run.bat").read_bytes() == b"one\r\n"
        for content, found in ((b"one\r\n", []), (b"one\n", [f"{check.target}/etc/run.bat"])):
            (check.target / "etc/run.bat").write_bytes(content)
            done = check.run()
            assert (done.returncode, done.stderr) == (0, "")
            row = requests.get(f"{service.url}/status/rsyslog-drift/converted", timeout=60).json()
            assert row["changed_files"] == found
        assert git(check.folder / "checkout", "status", "--porcelain") == ""
