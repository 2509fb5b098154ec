"""Numbers and strings as CEL writes them."""

from __future__ import annotations

import re

RESERVED = frozenset(
    (
        "as", "break", "const", "continue", "else", "for", "function", "if", "import", "in", "let",
        "loop", "namespace", "null", "package", "return", "var", "void", "while",
    )
)  # fmt: skip

_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.)|$)", re.S
)
_SIMPLE = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\",
    "?": "?", '"': '"', "'": "'", "`": "`",
}  # fmt: skip


class TokenError(ValueError):
    """What a parser lets through and CEL does not."""


def number(text: str) -> int | float:
    """Of an int or double literal.

    >>> number("-0x1F"), number("1e3"), number(".5")
    (-31, 1000.0, 0.5)
    """
    if "x" in text:
        return int(text, 16)
    if text.lstrip("-").isdigit():
        return int(text)
    if re.search(r"\.(?!\d)", text):
        raise TokenError(f"`{text}` is no number: a digit stands behind the point")
    return float(text)


def string(text: str) -> str:
    r"""Of a string literal, quotes and all.

    >>> string(r'"a\n\u00e9"'), string(r"r'\n'")
    ('a\né', '\\n')
    """
    raw = text[0] in "rR"
    quoted = text[1:] if raw else text
    width = 3 if quoted[:3] in ('"' * 3, "'" * 3) and len(quoted) >= 6 else 1
    content = quoted[width:-width]
    return content if raw else _ESCAPE.sub(_escaped, content)


def _escaped(found: re.Match[str]) -> str:
    x, u, long, octal, simple = found.groups()
    digits = x or u or long
    code = int(digits, 16) if digits else int(octal, 8) if octal else -1
    if code < 0:
        if simple not in _SIMPLE:
            raise TokenError(f"`{found[0]}` is no escape of CEL")
        return _SIMPLE[simple]
    if code > 0x10FFFF or 0xD800 <= code < 0xE000:
        raise TokenError(f"`{found[0]}` is no character")
    return chr(code)
