"""A report as the service takes it (docs/API.md, section 1): cut and cleaned, so that none is refused for its form."""

import json
import re
from typing import Any, Dict, List

from agent.text import cut

MOST_FILES = 1000
LONGEST_NAME = 4096
LONGEST_MESSAGE = 4096
LONGEST_TEXT = 1024
MESSAGES = ("validation_message", "commit_message")
# So many bytes of names leave room for the rest: the service lets in 1,048,576 of one report.
MOST_BYTES = 900000

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_URL = re.compile(r"https?://[^\s]+\Z")


def fit(report: Dict[str, Any]) -> Dict[str, Any]:
    """The same report, in a form that is taken whatever a program printed or a file is called."""
    fitting = {}  # type: Dict[str, Any]
    for name, value in report.items():
        if name == "changed_files":
            fitting[name] = _files(value)
        elif isinstance(value, str):
            text = clean(value)
            fitting[name] = cut(text, LONGEST_MESSAGE) if name in MESSAGES else _shortened(text, LONGEST_TEXT)
        else:
            fitting[name] = value
    url = fitting.get("pipeline_url")
    if url and not (is_address(url) and len(report["pipeline_url"]) <= LONGEST_TEXT):
        del fitting["pipeline_url"]  # a link that leads nowhere says less than none
    return fitting


def clean(text: str) -> str:
    """Text without control characters but tab and line ends; what is no character stands as its number."""
    return _CONTROL.sub("\ufffd", _SURROGATE.sub(_number, text))


def is_address(url: str) -> bool:
    """Whether the service takes it as a pipeline_url."""
    return bool(_URL.match(url)) and clean(url) == url


def _number(found: Any) -> str:
    code = ord(found.group())
    # Python puts a byte that is no UTF-8 at U+DC80 and up.
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


def _shortened(text: str, most: int) -> str:
    """A name, of which the start says most."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _files(names: List[str]) -> List[str]:
    """As many as are taken; the last entry says how many more there are."""
    names = list(dict.fromkeys(_shortened(clean(name), LONGEST_NAME) for name in names))
    kept, size = [], 0
    for name in names:
        size += len(json.dumps(name, ensure_ascii=False).encode("utf-8")) + 2
        if size > MOST_BYTES:
            break
        kept.append(name)
    if len(names) > len(kept) or len(names) > MOST_FILES:
        kept = kept[: MOST_FILES - 1]
        kept.append(f"… and {len(names) - len(kept):,} more")
    return kept
