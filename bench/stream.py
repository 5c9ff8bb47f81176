"""`python -m bench.stream URL REPORTS SERVERS`: drift reports, that many a second, until it is killed."""

import itertools
import sys
import time

import requests


def main() -> None:
    """Send. Ends with an error at the first report that is not stored."""
    url, reports, servers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    started = time.monotonic()
    with requests.Session() as session:
        for number in itertools.count():
            time.sleep(max(0.0, started + number / reports - time.monotonic()))
            n = number * 7 % servers
            report = {"server_group": f"group-{n % 20}", "host": f"host-{n}", "changed_files": ["/etc/rsyslog.conf"]}
            session.post(f"{url}/status/cron", json=report, timeout=60).raise_for_status()


if __name__ == "__main__":
    main()
