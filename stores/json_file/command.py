"""The commands of an operator: check a store, or write it into one clean file. They are `flask store verify|compact`,
and `python -m storage verify|compact PATH`, which loads no service.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from domain.errors import Unavailable
from domain.kinds import KINDS
from stores.json_file.findings import Finding, counted_records
from stores.json_file.pace import AS_IT_IS, Pace
from stores.json_file.store import JsonFileStore
from stores.json_file.verify import VERSION_1, verify

WELL, WRONG, WRONG_USAGE = 0, 1, 2
MOST_SHOWN = 20  # a history that is there twice has as many wrong lines as it has entries

USAGE = """python -m storage verify PATH    say what is in a store, and what is wrong with it; changes nothing
       python -m storage compact PATH   write all commits into the file, and start its journal anew"""
EXIT_STATUS = "PATH is the file, as in STATUS_STORE. Exit status: 0 when all is well, 1 when something is wrong."


def main(arguments: Sequence[str] | None = None, pace: Pace = AS_IT_IS) -> int:
    """Run the command and give its exit status."""
    parser = argparse.ArgumentParser(prog="python -m storage", usage=USAGE, epilog=EXIT_STATUS, add_help=True)
    parser.add_argument("command", choices=["verify", "compact"], help=argparse.SUPPRESS)
    parser.add_argument("path", type=_path, metavar="PATH", help=argparse.SUPPRESS)
    given = sys.argv[1:] if arguments is None else arguments
    if not given:
        parser.print_usage(sys.stderr)
        return WRONG_USAGE
    options = parser.parse_args(given)
    return verify_store(options.path) if options.command == "verify" else compact_store(options.path, pace)


def verify_store(path: Path) -> int:
    """Say what is in a store, and what is wrong with it; gives the exit status."""
    return _explained(_verify, path)


def compact_store(path: Path, pace: Pace = AS_IT_IS) -> int:
    """Write all commits of a store into its file, unless something is wrong with it; gives the exit status."""
    return _explained(partial(_compact, pace=pace), path)


def _explained(command: Callable[[Path], int], path: Path) -> int:
    try:
        return command(path)
    except Unavailable as error:
        print(f"WRONG: {error}")
        return WRONG


def _path(given: str) -> Path:
    if "://" in given:
        raise argparse.ArgumentTypeError("it is the URL of a database, which checks itself; this command is for a file")
    return Path(given)


def _verify(path: Path) -> int:
    findings = verify(path)
    for finding in findings:
        if finding.kind != "wrong":
            mark = f"{finding.kind}: " if finding.kind != "there" else ""
            print(f"{mark}{finding.where}: {finding.text}")
    wrong, is_unread = _show_wrong(findings), any(finding.kind == "unread" for finding in findings)
    well = "All is well once the service has read it." if is_unread else "All is well."
    print(f"{wrong} wrong." if wrong else well)
    return WRONG if wrong else WELL


def _show_wrong(findings: Sequence[Finding]) -> int:
    wrong = [finding for finding in findings if finding.kind == "wrong"]
    for finding in wrong[:MOST_SHOWN]:
        print(f"WRONG: {finding.where}: {finding.text}")
    if wrong[MOST_SHOWN:]:
        print(f"WRONG: and {len(wrong) - MOST_SHOWN} more.")
    return len(wrong)


def _compact(path: Path, pace: Pace) -> int:
    findings = verify(path)
    if _show_wrong(findings):
        print("Nothing was changed.")
        return WRONG
    if VERSION_1 in [finding.text for finding in findings]:
        print(f"WRONG: {path.name} is a version 1 file: start the service once to migrate it. Nothing was changed.")
        return WRONG
    store = JsonFileStore(path, lambda _members: None, pace=pace)
    store.compact()
    snapshot = store.snapshot()
    store.close()
    records = counted_records({name: table.records for name, table in snapshot.tables.items()}, KINDS)
    print(f"{path.name} holds all: {records} at revision {snapshot.revision}. Its journal starts anew.")
    return WELL


if __name__ == "__main__":
    sys.exit(main())
