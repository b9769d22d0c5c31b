"""Find the secrets in a text: passwords of URLs, values beside secret names, and what a token looks like."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from ipyproject.masking.names import is_secret_name, may_name_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Span = tuple[int, int]

HIDDEN = "***"

# Every quantifier that could meet a long text is possessive or bounded: a text of n characters takes O(n).

# A password may hold an `@` that nobody escaped, so it reaches to the last one; a `/` only where the web's rules don't
# forbid it (`https://host:8080/@scope` has none). In an unquoted text a URL ends at white space or a quote.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30}+)://([^\s\"'<>]{1,4096}+)")
_WHOLE_URL = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]{0,30}+)://(.{1,4096}+)", re.DOTALL)
_WEB = frozenset({"http", "https", "ws", "wss", "git+http", "git+https"})
_AUTHORITY = re.compile(r"[^/?#]*+")
_TOKEN_LENGTH = 16  # a user without a password, `https://<user>@host`, is taken for a token from this length on

# `name = value`, `"name": value`, `name["item"] = value`; the quotes may be escaped ones, of JSON within JSON.
_NAMED = re.compile(
    r"(?<![\w.-])(?P<name>[\w.-]++)(?:\[[\"']?(?P<item>[\w.-]++)[\"']?\])?(?P<quote>\\{0,3}[\"'])?"
    r"[ \t]{0,20}+(?P<sign>[:=]=?>?)[ \t]{0,20}+"
)
# `--name value`, also within the list that an error of a subprocess quotes: `'--name', 'value'`.
_OPTION = re.compile(r"(?<![\w.-])--(?P<name>[A-Za-z][\w.-]*+)(?:[\"'],[ ]|[ ])(?!-)")
_SECOND_WORDS = frozenset({"key", "string", "str", "word", "phrase", "code"})  # of names that a sentence writes apart
_WORD_BEFORE = re.compile(r"[A-Za-z]{1,20}(?= $)")
_SCHEME = re.compile(r"(?:bearer|basic|digest|token|negotiate|apikey|aws4-hmac-sha256)[ \t]+", re.IGNORECASE)
_QUOTE = re.compile(r"[BFRUbfru]{0,2}(\\{0,3}(?:\"\"\"|'''|[\"']))")
_OPENING = re.compile(r"(?:[A-Za-z_][\w.]{0,60}+)?[(\[{]")
_BRACKET_OR_TEXT = re.compile(r"[(\[{]|(?P<close>[)\]}])|\"(?:[^\"\\\n]|\\.)*+\"|'(?:[^'\\\n]|\\.)*+'")
_MASKED = re.compile(re.escape(HIDDEN) + r"(?=$|[\s,;:.&)\]}\"'])")
_REACH = 20_000  # how many characters a quoted value, or one in brackets, may have
_ASSIGNMENTS = re.compile(r"\s*+[A-Za-z_][\w.-]*+(?: [A-Za-z_][\w.-]*+){0,3}\s*+=")


_NAME = r"[A-Za-z_][\w. -]{0,60}"


class _Form(NamedTuple):
    """How a value goes on, and what after a closing quote or bracket shows that it has ended there."""

    value: re.Pattern[str]
    ended: re.Pattern[str]


@cache
def _whole(sign: str) -> _Form:
    """Where the text is one value: up to the next `, name=`."""
    next_name = rf"[,;&\n][ \t]*+{_NAME}[{sign}]"
    return _Form(
        re.compile(rf"(?:(?!{next_name})[\s\S])*+"), re.compile(rf"\s*$|\s+[A-Za-z_][\w.-]{{0,60}}=|{next_name}")
    )


@cache
def _within(separators: str, sign: str) -> _Form:
    """Within a sentence: also up to white space, unless a semicolon shows a connection string: `Password=a b;Server=x`.

    Args:
        separators: What may stand before the next name.
        sign: What may stand behind it.
    """
    next_name = rf"[{separators}][ \t]*+{_NAME}[{sign}]|" if separators else ""
    # The text may itself stand in quotes; those that close it are followed by punctuation, or by another text.
    closed = r"[\"'](?:[)\]},.;:]*(?:\s|$)|[ \t]*[,:][ \t]*[\"'])"
    return _Form(
        re.compile(rf"(?:(?!{next_name}{closed})\S)*+(?:(?:[ \t]++[^\s;=:]++){{1,20}}+(?=;))?"),
        re.compile(rf"[)\]}}>\\\"'.:;,!?]*+(?:\s|$)|[)\]}}\\\"']*[,;&:][ \t]*(?:[\[{{(\"'\\]|{_NAME}[=:])|\\+[nrt]"),
    )


@cache
def _yaml() -> _Form:
    """On a line of its own: up to the line's end, a comment, or the next name in braces."""
    return _Form(
        re.compile(r"(?:(?!,[ \t]{1,20}[\w\"'.-]{1,60}[ \t]{0,20}:|[ \t]#)[^\n])*+"),
        re.compile(r"[)\]}]*(?:,[ \t]|[ \t]+#|[ \t]*(?:\n|$))"),
    )


# What the tokens of well-known services look like, wherever they stand.
_SHAPES = (
    r"\b(?:(?:AKIA|ASIA)[0-9A-Z]{16}\b|gh[opsur]_\w{36,255}+|github_pat_\w{22,255}+|glpat-[\w-]{20,255}+"
    r"|xox[abeoprs]-[\w-]{10,255}+|hf_[A-Za-z]{30,60}+|AIza[\w-]{35}|sk-(?=[A-Za-z_-]{0,100}\d)[\w-]{32,255}+"
    r"|eyJ[\w-]{10,}+\.[\w-]{10,}+(?:\.[\w-]*+)?)"
    r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:(?!-----END)[\s\S])*+(?:-----END[A-Z ]{0,60}-----)?"
)
_SHAPE_BEGINS = re.compile(
    r"AKIA|ASIA|gh[opsur]_|github_pat_|glpat-|xox|hf_|AIza|sk-|eyJ|PRIVATE KEY"
    r"|[Bb][Ee][Aa][Rr][Ee][Rr]\s|[Bb][Aa][Ss][Ii][Cc]\s"
)
_BEARER = r"(?i)\b(bearer|basic)[ \t]+([\w.~+/=-]{8,}+)"


def masked_text(text: str) -> str:
    """Return a text with ``***`` for each secret in it; in doubt, something is hidden.

    Secrets are passwords in URLs, values beside secret names (``password=x``, ``'token': 'x'``, ``--api-key x=y``,
    connection strings, headers, query parameters), private keys and the tokens of well-known services.
    """
    return hide(text, secret_spans(text))


def hide(text: str, spans: Iterable[Span]) -> str:
    """Return the text with each of the spans hidden."""
    parts = []
    end = 0
    for begin, stop in sorted(spans):
        if begin >= end:
            parts += [text[end:begin], HIDDEN]
        end = max(end, stop)
    return "".join(parts) + text[end:] if parts else text


def secret_spans(text: str, *, whole: bool = False) -> list[Span]:
    """Return where the secrets of a text stand: (begin, end), which may overlap.

    Args:
        text: Any text.
        whole: The text is one value, such as an argument: unquoted values in it may hold white space. Taken for
            granted where it begins with ``name=``.
    """
    spans: list[Span] = []
    if "@" in text and "://" in text:
        spans += _url_spans(text)
    if ("=" in text or ":" in text or "--" in text) and may_name_secrets(text):
        spans += _named_spans(text, whole=whole or _ASSIGNMENTS.match(text) is not None)
        spans += _option_spans(text)
    if len(text) >= _TOKEN_LENGTH and _SHAPE_BEGINS.search(text):
        spans += [match.span() for match in re.finditer(_SHAPES, text)]
        spans += [match.span(2) for match in re.finditer(_BEARER, text) if _is_credential(match[1], match[2])]
    return [(begin, end) for begin, end in spans if end > begin and text[begin:end] != HIDDEN]


def _url_spans(text: str) -> Iterator[Span]:
    whole = _WHOLE_URL.fullmatch(text)
    for match in [*([whole] if whole else []), *_URL.finditer(text)]:
        rest, begin = match[2], match.start(2)
        is_web = match[1].lower() in _WEB
        if is_web and (authority := _AUTHORITY.match(rest)):
            rest = authority[0]
        user_info, at, _ = rest.rpartition("@")
        user, colon, password = user_info.partition(":")
        if at and password and "/" not in user:
            yield begin + len(user) + 1, begin + len(user_info)
        elif at and is_web and not colon and len(user) >= _TOKEN_LENGTH:
            yield begin, begin + len(user)


def _named_spans(text: str, *, whole: bool) -> Iterator[Span]:
    position = 0
    while match := _NAMED.search(text, position):
        position = match.end()
        if _is_secret(text, match) and not _MASKED.match(text, position):
            begin, end = _value_span(text, match, whole=whole)
            yield begin, end
            position = max(position, end)


def _option_spans(text: str) -> Iterator[Span]:
    for match in _OPTION.finditer(text):
        if is_secret_name(match["name"]):
            yield _span(text, match.end(), _within("", ""))


def _is_secret(text: str, match: re.Match[str]) -> bool:
    name = match["name"].strip(".-")
    if match["item"]:
        return is_secret_name(match["item"]) or is_secret_name(name)
    last = name.lower()
    if last not in _SECOND_WORDS:
        return is_secret_name(name)
    begin = match.start()
    before = _WORD_BEFORE.search(text, max(0, begin - 21), begin)
    phrase = f"{before[0]} {name}" if before else name
    if last != "key":
        return is_secret_name(phrase)
    # "unknown key: x" is no secret, "api key: x" is one, and so is its plural.
    return is_secret_name(f"{phrase}s") or match["sign"] != ":" or bool(match["quote"]) or _begins_line(text, begin)


def _begins_line(text: str, begin: int) -> bool:
    before = text[max(0, begin - 100) : begin]
    *rest, line = before.rsplit("\n", 1)
    return not line.strip(" \t-{") and (bool(rest) or begin <= len(before))


def _value_span(text: str, match: re.Match[str], *, whole: bool) -> Span:
    begin, name = match.end(), match["name"].lower()
    if "auth" in name and (scheme := _SCHEME.match(text, begin)):
        begin = scheme.end()
    if whole:
        return _span(text, begin, _whole("=" if match["sign"][0] == "=" else ":="), trimmed=False)
    if match["sign"][0] == ":":
        if _begins_line(text, match.start()) or "cookie" in name:
            return _span(text, begin, _yaml(), trimmed=False)
        return _span(text, begin, _within(",;", ":="))
    if name.startswith("--"):
        return _span(text, begin, _within("", ""))
    is_query = text[match.start() - 1 : match.start()] in {"?", "&"}
    return _span(text, begin, _within("&;" if is_query else ",;", "="))


def _span(text: str, begin: int, form: _Form, *, trimmed: bool = True) -> Span:
    """Return where a value stands: in quotes, in brackets, or up to where its form ends it."""
    end = begin
    if quote := _QUOTE.match(text, begin):
        begin, mark = quote.end(), quote[1]
        closing = _closing_quote(text, begin, mark)
        if closing is None:
            return begin, _line_end(text, begin)
        if form.ended.match(text, closing + len(mark)):
            return begin, closing
        end = closing + len(mark)
    elif opening := _OPENING.match(text, begin):
        end = _closing_bracket(text, opening.end()) or begin
        if end > begin and form.ended.match(text, end):
            return begin, end
    value = form.value.match(text, end)
    end = value.end() if value else end
    # Neither the blanks nor the punctuation of the sentence after it belong to the value.
    return begin, begin + len(text[begin:end].rstrip(None if not trimmed else " \t\r\n.,;:)]}\"'"))


def _line_end(text: str, begin: int) -> int:
    end = text.find("\n", begin)
    return len(text) if end < 0 else end


def _closing_quote(text: str, begin: int, mark: str) -> int | None:
    end = text.find(mark, begin, begin + _REACH)
    while end >= 0:
        doubled = text.startswith(mark, end + len(mark)) and end > begin
        if text[end - 1] != "\\" and not doubled:
            return end
        end = text.find(mark, end + (2 * len(mark) if doubled else 1), begin + _REACH)
    return None


def _closing_bracket(text: str, begin: int) -> int | None:
    depth = 1
    for match in _BRACKET_OR_TEXT.finditer(text, begin, begin + _REACH):
        if match["close"]:
            depth -= 1
        elif len(match[0]) == 1:
            depth += 1
        if depth == 0:
            return match.end()
    return None


def _is_credential(scheme: str, text: str) -> bool:
    """Return whether what follows `Bearer` or `Basic` is one, and not the next word of a sentence."""
    if scheme.lower() == "bearer":
        return len(text) >= _TOKEN_LENGTH or any(character.isdigit() for character in text)
    import base64

    try:
        return b":" in base64.b64decode(text, validate=True)
    except ValueError:
        return False
