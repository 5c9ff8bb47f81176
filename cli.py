"""The commands of an operator: `flask token`, for the first token and all others; `flask store`, to begin, move,
check and compact a store.
"""

import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

import click
from flask.cli import AppGroup

from domain.dump import Thing, dump_lines, read_dump
from domain.errors import Invalid, StatusError
from domain.kinds import KINDS
from domain.tokens import SCOPES, TokenRow, new_token
from operations.access import Access
from operations.transfer import Place, compare, contents, counted, fill, refuse_own, refuse_same, refuse_unmade

CREATED_BY = "command line"
SET_IT = "Set STATUS_STORE to what it is for the service, or start the service once."

Open = Callable[..., AbstractContextManager[Place]]


def token_commands(access: Access, opened: Open, clock: Callable[[], float]) -> AppGroup:
    """The commands; they work on the store of STATUS_STORE, with the service running or not."""
    group = AppGroup("token", help="Make, list and revoke tokens of the service.")

    @group.command("create")
    @click.option("--label", required=True, help="Whose it is; the history names it.")
    @click.option("--scope", "scopes", multiple=True, required=True, type=click.Choice(SCOPES), help="Once or more.")
    @click.option("--group", "groups", multiple=True, help="A group, or a glob such as 'rsyslog-*'; none for all.")
    @click.option("--expires", help="A length such as 90d; none for never.")
    @click.option("--new", "is_new", is_flag=True, help="Make the store too, where no service has made it yet.")
    def create(label: str, scopes: Sequence[str], groups: Sequence[str], expires: str | None, is_new: bool) -> None:
        """Make a token and print it: this once, as only its hash is kept."""
        body = {"label": label, "scopes": list(scopes), "groups": list(groups) or None, "expires_in": expires}
        with _errors_in_words():
            token = new_token(body)
            with opened() as place:
                if not is_new:
                    refuse_unmade(place, f"{SET_IT} `--new` makes the store with its first token.")
                else:
                    place.store.begin()
                row, text = access.create(token, CREATED_BY, int(clock()))
        click.echo(f"Token {row['id']} is made in {place.site.name}; keep it now, nobody can show it again:", err=True)
        click.echo(text)

    @group.command("list")
    def list_() -> None:
        """Print every token, without its secret."""
        with _errors_in_words(), opened() as place:
            refuse_unmade(place, SET_IT)
            rows = access.rows()
        click.echo(f"The tokens in {place.site.name}:", err=True)
        lines = [list(TokenRow.__annotations__), *([_cell(value) for value in row.values()] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())

    @group.command("revoke")
    @click.argument("token_id", metavar="ID")
    def revoke(token_id: str) -> None:
        """End a token at once."""
        with _errors_in_words(), opened() as place:
            refuse_unmade(place, SET_IT)
            access.revoke(token_id)
        click.echo(f"Token {token_id} in {place.site.name} is revoked.", err=True)

    return group


def store_commands(
    opened: Open,
    write_dump: Callable[[Path, Iterable[Thing]], None],
    file_of: Callable[[str], Path],
    verify: Callable[[Path], int],
    compact: Callable[[Path], int],
) -> AppGroup:
    """The commands; `opened` opens the store at a place that is named, or without one that of STATUS_STORE, and
    `file_of` tells its file. `verify` and `compact` print what they find, and give the exit status."""
    group = AppGroup(
        "store",
        help="Begin a store anew that is gone; check and compact one; copy, export and import all, with the service "
        "stopped.",
    )

    @group.command("new")
    def new() -> None:
        """Begin an empty store where one was and is gone, with the service running or not. Its history stays."""
        with _errors_in_words(), opened() as place:
            refuse_unmade(place, f"{SET_IT} A start makes the first one by itself.")
            place.site.begin_anew()
        click.echo(f"{place.site.name} is an empty store now. Its history tells what is gone.", err=True)

    @group.command("verify")
    @click.argument("path", metavar="[FILE]", default="")
    def verify_(path: str) -> None:
        """Say what is in the file of STATUS_STORE, or in another, and what is wrong with it. It changes nothing."""
        with _errors_in_words():
            sys.exit(verify(file_of(path)))

    @group.command("compact")
    @click.argument("path", metavar="[FILE]", default="")
    def compact_(path: str) -> None:
        """Write all commits into the file of STATUS_STORE, or into another, unless something is wrong with it."""
        with _errors_in_words():
            sys.exit(compact(file_of(path)))

    @group.command("copy")
    @click.argument("source", metavar="FROM")
    @click.argument("target", metavar="TO")
    def copy(source: str, target: str) -> None:
        """Copy servers, history and tokens from one path or URL to another, which is empty or a begun copy."""
        with _errors_in_words(), opened(source) as place:
            refuse_unmade(place, "Is another one meant? Nothing was changed.")
            with opened(target) as other:
                refuse_same(place, other)
            _fill(lambda: opened(target), lambda: contents(place))

    @group.command("export")
    @click.argument("path", metavar="FILE")
    def export(path: str) -> None:
        """Write everything as JSON Lines to a file, or for - to the output. It is secret: keep it as a key."""
        counts, is_output = Counter[str](), path == "-"
        with _errors_in_words(), opened() as place:
            refuse_unmade(place, SET_IT)
            refuse_own(place, Path(path))
            count = sum(1 for _ in contents(place))
            with _bar("Exporting", counted(contents(place), counts), count) as things:
                if is_output:
                    sys.stdout.buffer.writelines(dump_lines(things))
                else:
                    write_dump(Path(path), things)
        click.echo(f"Exported from {place.site.name}: {_numbers(counts)}.", err=is_output)

    @group.command("import")
    @click.argument("file", metavar="FILE", type=click.File("rb"))
    def import_(file: BinaryIO) -> None:
        """Read what `export` wrote, from a file or for - from the input, into a store that is empty or begun."""
        with _errors_in_words(), TemporaryFile() as buffer:  # what comes from a pipe can be read once only
            with opened() as place:
                refuse_own(place, Path(file.name))
            shutil.copyfileobj(file, buffer)

            def things() -> Iterator[Thing]:
                buffer.seek(0)
                return read_dump(buffer)

            _fill(opened, things)

    return group


def _fill(opened: Open, things: Callable[[], Iterator[Thing]]) -> None:
    """Fill a place, then open it again, and compare all that it holds."""
    count = sum(1 for _ in things())  # a dump is read whole before anything is written
    if count == 1:
        raise Invalid("There is nothing to copy: the source is empty, or it is another place than was meant.")
    with opened() as target, _bar("Copying", things(), count) as copied:
        was_missing = fill(target, copied)
    with opened() as target, _bar("Comparing", things(), count) as compared:
        counts = compare(target, compared)
    what = "All is there and equal" if was_missing else "All was there before and is equal"
    click.echo(f"{what}, in {target.site.name}: {_numbers(counts)}.")


def _numbers(counts: Counter[str]) -> str:
    records = [f"{kind.member} {counts[name]}" for name, kind in KINDS.items() if not kind.is_of_service]
    return ", ".join([*records, f"history entries {counts['entry']}", f"tokens {counts['keyring']}"])


def _bar(label: str, things: Iterator[Thing], count: int) -> AbstractContextManager[Iterable[Thing]]:
    """The things, with a bar while they are taken; none where no terminal shows it."""
    step = max(1, count // 1_000)
    return click.progressbar(
        things, count, label, file=sys.stderr, hidden=not sys.stderr.isatty(), update_min_steps=step
    )


@contextmanager
def _errors_in_words() -> Iterator[None]:
    """An error of ours becomes a sentence, and an exit status of 1."""
    try:
        yield
    except StatusError as error:
        raise click.ClickException(str(error)) from None


def _cell(value: object) -> str:
    return ",".join(value) if isinstance(value, list) else str(value or "-")
