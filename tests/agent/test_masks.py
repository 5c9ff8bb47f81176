"""No secret is shown, and what is none is."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agent.clone.diffs import diff
from agent.masks import masked

SECRET = "S3cr3t-Zq9"
PEM = "-----BEGIN OPENSSH PRIVATE KEY-----"
# One a line, or several lines that belong together.
HIDDEN = [
    f"password={SECRET}",
    f"password = {SECRET}",
    f"Password: two words {SECRET}",
    f"passwd\t{SECRET}",
    f"DB_PASSWORD={SECRET}",
    f"export API_KEY='{SECRET}'",
    f"      - POSTGRES_PASSWORD={SECRET}",
    f'"password": "{SECRET}",',
    f'{{"user": "bob", "password": "{SECRET}", "host": "db"}}',
    f'{{\\"password\\": \\"{SECRET}\\"}}',
    f"<password>{SECRET}</password>",
    f"<password>\n{SECRET}\n</password>",
    f'<property name="db.password" value="{SECRET}"/>',
    f'<property value="{SECRET}" name="db.password"/>',
    f"<key>AuthToken</key>\n<string>{SECRET}</string>",
    f"'token' => '{SECRET}',",
    f"token := {SECRET}",
    f"--client-secret={SECRET}",
    f"--password {SECRET}",
    f"docker login --password \\\n{SECRET}",
    f"apikey={SECRET}",
    f"aws_secret_access_key = {SECRET}",
    f"accessKey: {SECRET}",
    f"PrivateKey = {SECRET}",
    f"PresharedKey = {SECRET}",
    f"credentials {SECRET};",
    f"requirepass {SECRET}",
    f"rocommunity {SECRET} 10.0.0.0/8",
    f"dbPass: {SECRET}",
    f"pwd={SECRET}",
    f'"auth": "{SECRET}"',
    f"_authToken={SECRET}",
    f"//registry.example.com/:_auth={SECRET}",
    f"Authorization: Basic {SECRET}",
    f'proxy_set_header Authorization "Bearer {SECRET}";',
    f'action(type="omelasticsearch" server="es" uid="bob" pwd="{SECRET}")',
    f"machine example.com login bob password {SECRET}",
    f"postgres://app:{SECRET}@db:5432/app",
    f"url: https://{SECRET}@example.com/x",
    f"url: https://bob:with/slash@{SECRET}@example.com/x",
    f"curl -u bob:{SECRET} https://example.com",
    f"mysql -u root -p{SECRET} -h db",
    f"curl -H 'X: bearer {SECRET}'",
    "key AKIAIOSFODNN7EXAMPLE",
    "x ghp_S3cr3tZq9abcdefghijklmnopqrstuvwxyz1 y",
    "x github_pat_S3cr3tZq9_abcdefghijklmnop",
    "x glpat-S3cr3tZq9abcdefgh",
    "x xoxb-1234567890-S3cr3tZq9",
    "x gst_0123456789ab_" + "S3cr3tZq" * 8,
    "x gsl_0123456789ab_" + "S3cr3tZq" * 8,
    "x sk_live_S3cr3tZq9abcdefgh",
    "x hvs.S3cr3tZq9abcdefgh",
    "x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJTM2NyM3QifQ.S3cr3tZq9",
    "bob:$6$salt$S3cr3tZq9abcdefgh:19000:0:99999:7:::",
    "bob:$2y$10$S3cr3tZq9abcdefghijkl",
    "bob:$apr1$salt$S3cr3tZq9abcdefgh",
    "bob:{SSHA}S3cr3tZq9abcdefgh",
    f"{PEM}\n{SECRET}\n{SECRET}\n-----END OPENSSH PRIVATE KEY-----",
    f"tls.key: |\n  {PEM}\n  {SECRET}\n\n  {SECRET}\n  -----END OPENSSH PRIVATE KEY-----",
    f'KEY="{PEM}\\n{SECRET}\\n-----END OPENSSH PRIVATE KEY-----"',
    f"{PEM}\n{SECRET}",
    "  " + f"{SECRET}"[:6] + "A" * 60,
    f"secret: |\n  {SECRET}\n\n  {SECRET}",
    f"tokens:\n- {SECRET}\n- {SECRET}",
    f"tokens:\n  - {SECRET}\n",
    f"- name: DB_PASSWORD\n  value: {SECRET}",
    f'{{\n  "name": "DB_PASS",\n  "value": "{SECRET}"\n}}',
    f'{{\n  "value": "{SECRET}",\n  "name": "DB_PASS"\n}}',
    f'"secret": {{\n    "a": "{SECRET}"\n}}',
    f'PASSWORD="one\n{SECRET}\n"',
    f"kind: Secret\nmetadata:\n  name: x\ndata:\n  anything: {SECRET}\n",
    f"data:\n  anything: |\n    {SECRET}\nkind: Secret",
    f'{{"kind":"Secret","data":{{"x":"{SECRET}"}}}}',
    "x" * 5000 + SECRET,
]
SHOWN = [
    "server_name example.com;",
    "proxy_pass http://backend:8080;",
    "PasswordAuthentication no",
    "server_tokens off;",
    'password: ""',
    "image: redis@sha256:" + "0123456789abcdef" * 4,
    "commit: " + "0123456789abcdef0123" * 2,
    "*.* action(type=\"omfwd\" target=\"log.example.com\" port=\"514\")",
    "url: http://example.com:8080/path?x=1",
    "monkey: banana",
    "bypass 1",
    "kind: Deployment",
    "# hosts\n  indented: yes\n\n}",
]  # fmt: skip


@pytest.mark.parametrize("text", HIDDEN)
def test_a_secret_is_hidden(text: str) -> None:
    shown = masked(text)
    assert not re.search("S3cr3t|Zq9|IOSFODNN7|TM2NyM3Q", shown), shown
    assert shown.count("\n") == text.count("\n")


@pytest.mark.parametrize("text", SHOWN)
def test_what_is_no_secret_is_shown(text: str) -> None:
    assert masked(text) == text


def test_what_stands_before_and_after_a_secret_is_shown() -> None:
    shown = masked(f"user: bob\npassword: {SECRET}\nhost: db\n{PEM}\n{SECRET}\n-----END X-----\nport: 1")
    assert shown.split("\n") == ["user: bob", "password: ********", "host: db", *["********"] * 3, "port: 1"]


def test_the_names_in_a_secret_of_kubernetes_are_shown() -> None:
    shown = masked("kind: Secret\nmetadata:\n  name: x\nstringData:\n  some.name: abcdef\n")
    assert shown == "kind: Secret\nmetadata:\n  name: x\nstringData:\n  some.name: ********\n"


names = st.sampled_from(
    ["password", "DB_PASSWD", "client-secret", "auth_token", "apiKey", "x.access_key", "Authorization"]
)
separators = st.sampled_from(["=", ": ", " = ", " ", "\t", "=>", ' := "', '": "', "='", ">", "] = "])
values = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=6).filter(
    lambda value: len(re.findall(r"\w", value)) > 5 and value == value.strip() and "*" not in value
)
around = st.tuples(
    *2 * [st.lists(st.sampled_from(["", "plain: x", "  deep: y", "- item", "# comment", "}"]), max_size=4)]
)


Around = tuple[list[str], list[str]]


@given(names, separators, values, around, st.sampled_from(["", "  ", "\t", "- ", '{"a": 1, "', "export "]))
def test_no_value_of_a_secret_is_ever_shown(name: str, separator: str, value: str, around: Around, start: str) -> None:
    before, after = around
    assume(value not in "\n".join([*before, *after, start + name]))
    assert value not in masked("\n".join([*before, start + name + separator + value, *after]))


@given(names, separators, st.tuples(values, values), around)
def test_no_value_of_a_secret_is_ever_in_a_diff(
    name: str, separator: str, pair: tuple[str, str], around: Around
) -> None:
    before, after = around
    assume(pair[0] != pair[1])
    assume(not any(value in " ".join([*before, *after, name, "x (git)(server)"]) for value in pair))
    old, new = ("\n".join([*before, name + separator + value, *after]).encode() for value in pair)
    shown = diff("x", old, new)
    assert not any(value in shown for value in pair)
    assert shown.count("********") >= 2


def test_two_secrets_that_differ_are_two_lines() -> None:
    shown = diff("x", b"a\npassword: one\n", b"a\npassword: two\n")
    assert shown.split("\n")[3:] == [" a", "-password: ********", "+password: ********"]


def test_what_one_version_hides_the_other_hides_too() -> None:
    """The first line of a key was lost on the server: the rest is a key still."""
    key = "-----BEGIN PRIVATE KEY-----\nbody-of-the-key\nend-of-it\n-----END PRIVATE KEY-----\n"
    shown = diff("x", key.encode(), key.split("\n", 1)[1].encode())
    assert "body" not in shown
    assert "end-of-it" not in shown


def test_a_terminal_obeys_nothing_in_a_diff() -> None:
    shown = diff("x", b"one\r\n\x1b[2Jtwo \xff\n", "\u202eevil\x07\n".encode())
    assert "-one\\r\n-\\x1b[2Jtwo \\xff\n+\\u202eevil\\x07" in shown


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"a\0b", b"a", "Binary files x differ."),
        (b"a", b"b" * 200_000, "x is too large to be shown."),
        (b"a", b"a\n", "-\\ No newline at end of file"),
        (b"", b"a\n", "@@ -0,0 +1,1 @@"),
    ],
)
def test_files_that_cannot_be_compared_by_lines_are_named(old: bytes, new: bytes, said: str) -> None:
    assert said in diff("x", old, new)
