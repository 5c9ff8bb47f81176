"""Every promise of stores/json_file/tokens.py, on the file."""

import json
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from domain.errors import NotFound, Unavailable
from domain.tokens import Token
from stores import open_tokens
from stores.json_file.verify import verify
from tests.stores.records import token


def test_each_process_sees_a_change_that_returned(path: Path) -> None:
    one, other = open_tokens(path), open_tokens(path)
    assert other.keyring().tokens == {}
    one.change(lambda _tokens: {"b": token("b"), "a": token("a")})
    assert list(other.keyring().tokens) == ["a", "b"]
    assert other.keyring() is other.keyring(), "what did not change is not read again"
    other.change(lambda tokens: {**tokens, "c": token("c")})
    assert one.keyring().tokens.keys() == {"a", "b", "c"}
    one.change(lambda _tokens: {})
    assert other.keyring().tokens == {}


def test_the_key_is_made_once_and_stays(path: Path) -> None:
    tokens = open_tokens(path)
    assert tokens.keyring().key == ""
    tokens.change(lambda known: known)
    key = tokens.keyring().key
    assert len(key) == 64
    tokens.change(lambda _known: {"a": token("a")})
    assert open_tokens(path).keyring().key == key


def test_what_a_decision_raises_changes_nothing(path: Path) -> None:
    tokens = open_tokens(path)
    tokens.change(lambda _known: {"a": token("a")})

    def refuse(_known: Mapping[str, Token]) -> Mapping[str, Token]:
        raise NotFound("No.")

    with pytest.raises(NotFound):
        tokens.change(refuse)
    assert tokens.keyring().tokens.keys() == {"a"}
    assert sorted(file.name for file in path.parent.iterdir()) == ["status.json.lock", "status.json.tokens"]


def test_many_at_once_lose_nothing(path: Path) -> None:
    stores, begin = [open_tokens(path) for _ in range(4)], threading.Barrier(8)

    def add(number: int) -> None:  # each counts what all others added
        begin.wait()
        for _ in range(5):
            stores[number % 4].change(lambda known: {**known, str(len(known)): token(str(len(known)))})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))
    assert len(stores[0].keyring().tokens) == 40


def test_a_lock_file_that_is_deleted_while_a_change_is_decided_lets_nobody_else_in(path: Path) -> None:
    tokens, other = open_tokens(path), open_tokens(path)
    late = threading.Thread(target=lambda: other.change(lambda known: {**known, "b": token("b")}), daemon=True)

    def add(known: Mapping[str, Token]) -> Mapping[str, Token]:
        path.with_name("status.json.lock").unlink()
        late.start()
        late.join(0.2)  # it has to wait for us
        return {**known, "a": token("a")}

    tokens.change(add)
    late.join()
    assert other.keyring().tokens.keys() == {"a", "b"}


def test_only_the_owner_reads_it_unless_the_operator_says_otherwise(path: Path) -> None:
    file, tokens = path.with_name("status.json.tokens"), open_tokens(path)
    tokens.change(lambda _known: {"a": token("a")})
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o640)
    tokens.change(lambda _known: {})
    assert file.stat().st_mode & 0o777 == 0o640


def test_fields_of_a_later_version_stay(path: Path) -> None:
    file, tokens = path.with_name("status.json.tokens"), open_tokens(path)
    tokens.change(lambda _known: {"a": token("a")})
    content = json.loads(file.read_text())
    content["tokens"]["a"]["later"] = 1
    file.write_text(json.dumps(content))
    tokens.change(lambda known: {**known, "b": token("b")})
    assert json.loads(file.read_text())["tokens"]["a"]["later"] == 1


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b"{}", b'{"version":"1","key":"","tokens":{}}', b'{"version":"2"}']
)
def test_a_damaged_file_is_left_as_it_is_and_verify_says_so(path: Path, damage: bytes) -> None:
    file, tokens = path.with_name("status.json.tokens"), open_tokens(path)
    tokens.change(lambda _known: {"a": token("a", "secret-label")})
    assert "1 token." in [finding.text for finding in verify(path)]
    file.write_bytes(damage)
    for attempt in (tokens.keyring, lambda: tokens.change(lambda known: known)):
        with pytest.raises(Unavailable, match=r"status\.json\.tokens is left as it is"):
            attempt()
    assert file.read_bytes() == damage
    assert "wrong" in [finding.kind for finding in verify(path) if finding.where == file.name]
