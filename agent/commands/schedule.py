"""When a server's turn is: always at the same moment of its interval, and each server at another one."""

import hashlib
from typing import NamedTuple

HOUR, DAY = 60, 1440  # minutes


class Turn(NamedTuple):
    """A moment that comes again every so many minutes (one of reader.MINUTES)."""

    every: int
    minute: int  # of the interval
    second: int

    @property
    def cron(self) -> str:
        """The five fields of a crontab. The hour is always a star: cron calls such a job evenly when the clock changes,
        and one of certain hours not (where an hour comes twice it is left out, whatever CRON_TZ says)."""
        minute = f"{self.minute}-59/{self.every}" if self.every < HOUR else str(self.minute % HOUR)
        return f"{minute} * * * *"

    @property
    def shell(self) -> str:
        """What the crontab's command begins with: of every so many hours it goes on in its own, counted from 1970."""
        hours = self.every // HOUR
        hour = f"[ $(($(date +\\%s) / 3600 \\% {hours})) -eq {self.minute // HOUR} ] || exit 0; " if hours > 1 else ""
        return f"{hour}sleep {self.second}; "

    @property
    def calendar(self) -> str:
        """What systemd's OnCalendar takes. In local time an hour that comes twice had no run, and one that is left out
        could end the runs for good."""
        minute, hour = f"{self.minute % HOUR:02}", "*"
        if self.every < HOUR:
            minute = f"{self.minute:02}/{self.every}"
        elif self.every > HOUR:
            hour = f"{self.minute // HOUR:02}" + ("" if self.every == DAY else f"/{self.every // HOUR}")
        return f"*-*-* {hour}:{minute}:{self.second:02} UTC"


def turn(server: str, command: str, every: int) -> Turn:
    """The turn of a server, as `group/host`.

    Ten thousand servers are spread evenly over the interval. Not a new random delay each time: then two checks would be
    up to twice as far apart as the service was told, and a second `install` would change something.
    """
    digest = hashlib.sha256(f"{server} {command}".encode("utf-8", "surrogateescape")).digest()
    minute, second = divmod(int.from_bytes(digest[:8], "big") % (60 * every), 60)
    return Turn(every, minute, second)
