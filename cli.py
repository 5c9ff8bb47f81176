"""The command `flask token`: the first token of a service, and all that can be done with tokens without one."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import click
from flask.cli import AppGroup

from access import Access
from domain.errors import StatusError
from domain.tokens import SCOPES, TokenRow, new_token

CREATED_BY = "command line"


def token_commands(access: Access, clock: Callable[[], float]) -> AppGroup:
    """The commands; they work on the file of STATUS_STORE, with the service running or not."""
    group = AppGroup("token", help="Make, list and revoke tokens of the service.")

    @group.command("create")
    @click.option("--label", required=True, help="Whose it is; the history names it.")
    @click.option("--scope", "scopes", multiple=True, required=True, type=click.Choice(SCOPES), help="Once or more.")
    @click.option("--group", "groups", multiple=True, help="A group, or a glob such as 'rsyslog-*'; none for all.")
    @click.option("--expires", help="A length such as 90d; none for never.")
    def create(label: str, scopes: Sequence[str], groups: Sequence[str], expires: str | None) -> None:
        """Make a token and print it: this once, as only its hash is kept."""
        given = {"label": label, "scopes": list(scopes), "groups": list(groups) or None, "expires_in": expires}
        with _explained():
            row, text = access.create(new_token(given), CREATED_BY, int(clock()))
        click.echo(f"Token {row['id']} is made; keep it now, nobody can show it again:", err=True)
        click.echo(text)

    @group.command("list")
    def list_() -> None:
        """Print every token, without its secret."""
        with _explained():
            rows = access.rows()
        lines = [list(TokenRow.__annotations__), *([_cell(value) for value in row.values()] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())

    @group.command("revoke")
    @click.argument("token_id", metavar="ID")
    def revoke(token_id: str) -> None:
        """End a token at once."""
        with _explained():
            access.revoke(token_id)

    return group


@contextmanager
def _explained() -> Iterator[None]:
    """What goes wrong, as a sentence and an exit status of 1."""
    try:
        yield
    except StatusError as error:
        raise click.ClickException(str(error)) from None


def _cell(value: object) -> str:
    return ",".join(value) if isinstance(value, list) else str(value or "-")
