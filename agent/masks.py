"""Hides secrets in what is shown of a file: rather too much of a line than too little."""

import re
from typing import Dict, Iterator, List, Optional

MASK = "********"
NEVER = 1 << 30
LONGEST = 4000  # of a line; a longer one is made by a program, and says nothing to a person

# Behind a name that has one of these the rest of the line is hidden …
_NAMES = (
    r"passw|passphrase|passcode|secret|credential|token|authori[sz]ation|cookie|community|requirepass|masterauth|sshpass"
    r"|bind_?pw|psk\b"
    r"|(?:api|access|private|pre_?shared|shared|auth|account|encryption|signing|session|master|license)[ _.-]?key"
)
# … and behind one that ends so if a value is clearly given to it: proxy_pass of nginx is none.
_ENDS = r"(?:pass|pwd|pw|auth|salt|dsn)[\"'\]]*\s*[=:>]"
_NAME = re.compile(rf"(?:(?:{_NAMES})[\w.-]*|{_ENDS})[\"'\])}}>]*\s*(?:=>|:=|[:=,>])?\s*", re.IGNORECASE)
# A value may be called so, and stand before the name of the secret, or on the line before or after it.
_VALUE = re.compile(r"\b(?:value|val)\b[\"']?\s*[=:>]\s*|<string>", re.IGNORECASE)
_HINT = re.compile(rf"{_NAMES}|pass|pwd|auth|_key", re.IGNORECASE)
# In a Secret of Kubernetes every value is one.
_KIND = re.compile(r"(?:^|[\s{,])[\"']?kind[\"']?\s*:\s*[\"']?Secret\b", re.MULTILINE)
_ITEM = re.compile(
    r"^\s*[\"']?(?!(?:apiVersion|kind|metadata|name|namespace|type|immutable|data|stringData)\b)[\w.-]+[\"']?:(?:\s+|$)"
    r"|\b(?:data|stringData)[\"']?\s*:\s*(?=.*\w)"
)
_HARMLESS = re.compile(r"[\"']?(?:yes|no|true|false|on|off|none|null)?[\"']?[\s;,})]*\Z", re.IGNORECASE)
_PUNCTUATION = re.compile(r"[\s{}\[\](),;]*\Z")
_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY")

# What is a secret wherever it stands.
_SHAPES = [
    (re.compile(r"(://)\S+@"), r"\1" + MASK + "@"),
    (re.compile(r"\b((?i:bearer)\s+)\S.*"), r"\1" + MASK),
    (re.compile(r"\b((?i:basic)\s+)(?=\S*[A-Z0-9=])[A-Za-z0-9+/=]{8,}"), r"\1" + MASK),
    (re.compile(r"((?:\s|^)(?:-u|--user)[ =]?)\S+:.*"), r"\1" + MASK),
    (re.compile(r"(\bmysql\w*\b.*?\s-p)\S.*"), r"\1" + MASK),
    (re.compile(r"\$(?:[1-7]|2[abxy]|y|gy|apr1|argon2\w+|scrypt|pbkdf2\S*)\$[^\s:]{8,}"), MASK),
    (re.compile(r"\{(?:SSHA|SHA|SMD5|MD5|CRYPT)\d*\}\S+", re.IGNORECASE), MASK),
    (re.compile(r"\beyJ[\w-]{5,}\.[\w.-]+"), MASK),
    (re.compile(r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{12,}"), MASK),
    (re.compile(r"\bgs[tl]_\w{8,}"), MASK),
    (re.compile(r"\b(?:gh[a-z]_|github_pat_|gl[a-z]{2,5}-|xox[a-z]-|xapp-|[sr]k_(?:live|test)_|sk-)[\w.-]{8,}"), MASK),
    (re.compile(r"\b(?:npm_|pypi-|dckr_[a-z]+_|hv[sb]\.|AIza|SG\.|ya29\.|AGE-SECRET-KEY-)[\w.-]{8,}"), MASK),
    (re.compile(r"^(\s*)[A-Za-z0-9+/]{60,}={0,2}$"), r"\1" + MASK),
]  # fmt: skip


def masks(*texts: List[str]) -> Dict[str, str]:
    """How each line of some versions of a file may be shown. What is hidden in one version is so in all."""
    is_kubernetes = any(_KIND.search("\n".join(lines)) for lines in texts)
    shown: Dict[str, str] = {}
    for lines in texts:
        for line, safe in zip(lines, _masked(lines, is_kubernetes)):
            if safe != line or line not in shown:
                shown[line] = safe
    return shown


def masked(text: str) -> str:
    """A text without its secrets."""
    lines = text.split("\n")
    safe = masks(lines)
    return "\n".join(safe[line] for line in lines)


def _masked(lines: List[str], is_kubernetes: bool) -> Iterator[str]:
    """Each line without its secrets, and without what belongs to the secret of a line before it."""
    is_key = goes_on = False
    quote = ""  # with which a value ends, on a later line
    depth_of_secret = NEVER  # what is deeper belongs to it
    for number, line in enumerate(lines):
        depth = len(line) - len(line.lstrip())
        if _PUNCTUATION.match(line):
            yield line
        elif is_key or _PEM.search(line):
            is_key = "-----END" not in line.rpartition("-----BEGIN")[2]
            yield MASK
        elif quote or goes_on:
            quote = quote if quote not in line else ""
            goes_on = line.endswith("\\")
            yield MASK
        elif depth >= depth_of_secret + (line[depth] != "-"):  # a list need not be deeper in YAML
            yield line[:depth] + MASK
        else:
            depth_of_secret = NEVER
            start = _start(line, any(map(_HINT.search, lines[max(0, number - 1) : number + 2])), is_kubernetes)
            if start is None:
                yield _reshaped(line)
                continue
            value = line[start:]
            quote = value[0] if value[:1] in ("'", '"', "`") and value.count(value[0]) % 2 else ""
            goes_on = line.rstrip().endswith("\\" if value else ("\\", "=", ">"))
            if not line.startswith(("#", ";", "//"), depth):
                depth_of_secret = depth + line.startswith("- ", depth)
            is_hidden = quote or not _HARMLESS.match(value)
            yield _reshaped(line[:start]) + MASK if is_hidden else _reshaped(line)


def _start(line: str, has_hint: bool, is_kubernetes: bool) -> Optional[int]:
    """Where the value of a secret begins on a line."""
    found = [
        _NAME.search(line),
        _VALUE.search(line) if has_hint else None,
        _ITEM.search(line) if is_kubernetes else None,
    ]
    return min((one.end() for one in found if one), default=None)


def _reshaped(line: str) -> str:
    if len(line) > LONGEST:
        return MASK
    for shape, mask in _SHAPES:
        line = shape.sub(mask, line)
    return line
