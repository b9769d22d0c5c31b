"""Hide secrets in records, displays, logs and our own messages; what is the users' own is never changed.

Secret are all texts in credentials and variables that these refer to, texts under a short list of names, passwords and
tokens in URLs. They are hidden under their names and, from 8 characters on, wherever they turn up. Numbers never are.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, time, timedelta
from functools import lru_cache
from numbers import Number
from operator import is_
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus, unquote

from ipyproject.forks import fork_safe_lock
from ipyproject.memo import Memo

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

Span = tuple[int, int]

HIDDEN = "***"
MIN_LENGTH = 8  # characters; a shorter secret would be found in every other word, and is hidden under its name only
LINE_LENGTH = 16  # of a secret of several lines, such as a private key, each line from this length on is one, too
MAX_DEPTH = 100  # deeper down everything is hidden
# Every text in credentials is secret, whatever it is called; but what reads like one of these protects nothing, and
# would spoil every message. Of a URL with a password or token only that is: the rest tells what can't be reached.
_NO_SECRETS = frozenset({"password", "postgres", "postgresql", "localhost", "username", "anonymous", "127.0.0.1"})
# Variables that say who and where we are: never secret, even if credentials refer to them.
_PLACES = frozenset({"PWD", "OLDPWD", "HOME", "PATH", "TMPDIR", "USER", "LOGNAME", "USERPROFILE"})

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")  # in any style: `apiKey`, `API_KEY`, `api-key`
# A plural counts as the last word only; `tokens` are words of a text, or their number.
_SECRET = re.compile(r"\b(?:token\b|(?:password|passwd|secret|credential|(?:api|access|private) ?key)(?:\b|s$))")
_SUSPECT = re.compile(r"passw|secret|token|credential|key", re.IGNORECASE)  # what is without needs no closer look

# Every quantifier that could meet a long text is possessive or bounded: a text of n characters takes O(n).
# A password may hold an `@` that nobody escaped, so it reaches to the last one; a `/` only where the web allows it.
_URL = re.compile(
    r"(?<![\w+.-])(?:(?:https?|wss?)://(?:[^\s\"'<>/?#:]{0,256}+:([^\s\"'<>/?#]{1,1024})|([^\s\"'<>/?#:@]{16,1024}+))@"
    r"|(?!(?:https?|wss?):)[A-Za-z][\w+.-]{0,30}+://[^\s\"'<>/?#:]{0,256}+:([^\s\"'<>]{1,1024})@)"
)
_QUERY = re.compile(r"(?<=[?&#])([\w.~%-]{1,100}+)=([^\s\"'<>&#]{1,10000}+)")
_TOKENS = re.compile(
    r"(?i)(?:(?:^|[-_.])(?:sig|signature|jwt|auth|key)|password|token)$"
)  # if the value is long enough
_NAME = r"(?s)(?<![\w.-])([\w.-]{1,100}+)"
_QUOTED = r"[bru]{0,2}(?P<mark>\\{0,2}[\"'])(?P<quoted>(?:(?!(?P=mark))(?:\\.|[^\\])){1,10000}+)(?P=mark)"
# In any text: `name=value`, `name = "value"`, `"name": "value"`, `x["name"] = "value"`.
# The value is looked at where the name is secret, and only there: it may be long, and full of other names.
_IN_TEXT = (
    re.compile(rf"{_NAME}(?:\\{{0,2}}[\"']\]?[ \t]{{0,3}}(?::|==?|=>)|[ \t]{{0,3}}==?)[ \t]{{0,3}}"),
    re.compile(rf"(?s){_QUOTED}|(?<==)(?P<bare>\w{{0,100}}+[(\[{{][^)\]}}]{{0,10000}}+|[^\s,;&)\]}}>]{{1,10000}}+)"),
)
# In an argument a value may hold white space: it ends where the next name begins.
_IN_ARGUMENT = (
    re.compile(rf"{_NAME}="),
    re.compile(rf"(?s){_QUOTED}(?=,|$)|(?P<bare>(?:(?!,[\w.-]{{1,100}}+=).)++)"),
)
_ARGUMENT = re.compile(r"""(?s)(?:[^\s"']|"[^"]*"|'[^']*'|["'].*$)+""")
_PLAIN = re.compile(r"(?i)[+-]?\d[\d_.]*+(?:e[+-]?\d+)?|true|false|none|null|\*+|\.\.\.")

_NUMBERS = frozenset({int, float, bool, type(None), type(...)})
_SHOWN = (Number, date, time, timedelta)
_COLLECTIONS: tuple[type[Any], ...] = (list, tuple, set, frozenset)
_CONTAINERS: tuple[Any, ...] = (dict, *_COLLECTIONS, Mapping)


@lru_cache(maxsize=16_384)
def is_secret_name(name: str) -> bool:
    """Return whether texts under a name, be it a key, an option, a variable or a step of a dotted path, are secret."""
    if not _SUSPECT.search(name):
        return False
    return any(_SECRET.search(" ".join(_WORD.findall(step)).lower()) for step in re.split(r"[./:\[\]]+", name))


def is_hidden(value: Any) -> bool:
    """Return whether a secret may have been hidden in some data: whether a text in it, at any depth, has its mark."""
    if isinstance(value, str):
        return HIDDEN in value
    below = [*value, *value.values()] if isinstance(value, Mapping) else value
    return isinstance(value, _CONTAINERS) and any(map(is_hidden, below))


class Masker:
    """Masks what goes into a record, a display, a log or a message. Safe with threads; never raises.

    Args:
        known: Secrets that are hidden wherever they stand.
        names: Names under which texts are secret, too.
        memo: What maskers before have found in data that never changes: it is not looked through again.
    """

    def __init__(self, known: Iterable[str] = (), names: Iterable[str] = (), *, memo: Memo | None = None) -> None:
        self._lock = fork_safe_lock()
        self._memo = memo if memo is not None else Memo()
        self._known: frozenset[str] = frozenset()
        self._names = frozenset(names)
        self._fixed: dict[int, Any] = {}  # what never changes, kept so that ids stay theirs
        self._finder: tuple[frozenset[str], re.Pattern[str]] | None = None  # of what was known when it was made
        self._learn(known)

    @property
    def known(self) -> frozenset[str]:
        """The secrets that are hidden wherever they stand."""
        return self._known

    @property
    def names(self) -> frozenset[str]:
        """The names of variables that credentials have used: texts under them are secret."""
        return self._names

    def learn(self, data: Any, *, fixed: bool = False, everything: bool = False) -> None:
        """Remember the texts under secret names in `data`, and the passwords and tokens in it.

        Args:
            data: Anything.
            fixed: Nobody will ever change it: it is looked through once, and masked once.
            everything: Every text in it is secret.
        """

        def found(value: Any, hidden: bool) -> list[str]:  # noqa: FBT001
            return _secret_texts(value, self.is_secret, hidden or everything)

        if not fixed:
            self._learn(found(data, hidden=False))
            return
        self._fixed[id(data)] = data
        parts = self._of_fixed(("secrets", everything, self._names), data, found).values()
        self._learn(text for part in parts for text in part)

    def learn_credentials(self, credentials: Mapping[str, Any], *, fixed: bool = False) -> None:
        """Remember every text in credentials; `fixed` as for `learn`."""
        self.learn(credentials, fixed=fixed, everything=True)

    def learn_variables(self, environ: Mapping[str, str], used: Iterable[str] = ()) -> None:
        """Remember the environment variables with secret names, and those that credentials have `used`."""
        self._names |= frozenset(used) - _PLACES
        self.learn({name: environ[name] for name in environ if name not in _PLACES})

    def is_secret(self, name: str) -> bool:
        """Return whether texts under a name are secret, be it that of a variable that credentials have used."""
        return name in self._names or is_secret_name(name)

    def text(self, text: str) -> str:
        """Return a text with ``***`` for its secrets: the known ones, and those beside secret names and in URLs."""
        return self._shown(text, _spans(text))

    def command_line(self, arguments: Sequence[str]) -> list[str]:
        """Return the arguments of a command masked; options with secret names have secret values: ``--token x``."""
        return [self._shown(*each) for each in zip(arguments, _argument_spans(arguments), strict=True)]

    def line(self, text: str) -> str:
        """Return a line as typed, such as that of a magic, masked as a command is; all else stays to the letter."""
        places = [match.span() for match in _ARGUMENT.finditer(text)]
        found = zip(places, _argument_spans([text[begin:end] for begin, end in places]), strict=True)
        spans = [(start + begin, start + end) for (start, _), some in found for begin, end in some]
        return self._shown(text, spans + _spans(text))

    def data(self, value: Any) -> Any:
        """Return data of any shape, such as contains itself, with ``***`` for its secrets.

        Under a secret name all texts are hidden, at any depth; numbers, dates and the like never. All other texts, keys
        among them, lose what `text` hides. An object of any other type stays, unless its ``repr`` shows a secret: then
        it becomes that text, masked. Where there is nothing to hide the very same object is returned, else a copy:
        mappings become dicts then; lists, tuples and sets keep their kind.
        """
        if id(value) not in self._fixed:
            return _Masking(self).of(value)
        way = ("masked", self._known, self._names)
        return self._memo.of((way, "copy"), value, lambda: self._fixed_data(way, value))

    def _fixed_data(self, way: Hashable, data: dict[Any, Any]) -> dict[Any, Any]:
        made = self._of_fixed(way, data, lambda value, hidden: _Masking(self).of(value, hidden=hidden))
        result = {_Masking(self).of(key): value for key, value in made.items()}
        return data if _is_same(result, data) else result

    def _of_fixed(self, way: Hashable, data: dict[Any, Any], make: Callable[[Any, bool], Any]) -> dict[Any, Any]:
        """Return what is made of each value of a dict that never changes; of the very same ones it was made before."""

        def made() -> dict[Any, Any]:
            before = self._memo.last(way) or {}
            places = {key: (id(value), self.is_secret(_as_text(key))) for key, value in data.items()}
            now = {at: before.get(at) or (data[key], make(data[key], at[1])) for key, at in places.items()}
            self._memo.put(way, now)
            return {key: now[place][1] for key, place in places.items()}

        return self._memo.of((way, "whole"), data, made)

    def _learn(self, secrets: Iterable[str]) -> None:
        # Who uses one often takes off the white space around it, such as the line end of a block in YAML.
        texts = {each for text in secrets for each in (text, text.strip()) if len(each) >= MIN_LENGTH}
        new = {text for text in texts if text.strip("* \n") and text.strip().lower() not in _NO_SECRETS}
        with self._lock:
            self._known = self._known if new <= self._known else self._known | new

    def _shown(self, text: str, spans: list[Span]) -> str:
        known, finder = self._known, self._finder
        if known and len(text) >= MIN_LENGTH:
            if finder is None or finder[0] is not known:
                finder = self._finder = (known, self._memo.get(("finder", known), lambda: _finder_of(known)))
            spans = spans + [match.span() for match in finder[1].finditer(text)]
        parts: list[str] = []
        end = 0
        for begin, stop in sorted(spans):
            if begin >= end:
                parts += [text[end:begin], HIDDEN]
            end = max(end, stop)
        return "".join(parts) + text[end:] if parts else text


# Those of the open sessions: our own messages hide what they know. `ipyproject.current` keeps it.
_in_force: list[Masker] = []


def put_in_force(maskers: Iterable[Masker]) -> None:
    """Let `masked_text` and `masked` hide what these maskers know, instead of those before."""
    _in_force[:] = maskers


def masked_text(text: str) -> str:
    """Return a text as `Masker.text` does; what the open sessions know is hidden."""
    for masker in tuple(_in_force) or (Masker(),):
        text = masker.text(text)
    return text


def masked(value: Any) -> Any:
    """Return data as `Masker.data` does; what the open sessions know is hidden."""
    for masker in tuple(_in_force) or (Masker(),):
        value = masker.data(value)
    return value


def _spans(text: str, named: tuple[re.Pattern[str], re.Pattern[str]] = _IN_TEXT) -> list[Span]:
    """Return where the secrets stand that a text shows by itself: (begin, end), which may overlap."""
    if "=" not in text and ":" not in text:
        return []
    found = [match.span(match.lastindex or 0) for match in _URL.finditer(text)] if "@" in text else []
    for match in _QUERY.finditer(text):
        is_token = is_secret_name(match[1]) or (len(match[2]) >= MIN_LENGTH and _TOKENS.search(match[1]))
        found += [match.span(2)] if is_token and match[2] != HIDDEN else []
    at = 0 if _SUSPECT.search(text) else len(text)
    names, values = named
    while name := names.search(text, at):
        at = name.end(1)  # another name may stand in the value
        if is_secret_name(name[1]) and (value := values.match(text, name.end())):
            group = "bare" if value["bare"] else "quoted"
            if not _PLAIN.fullmatch(value[group]):
                found.append(value.span(group))
                at = value.end()
    return found


def _argument_spans(arguments: Sequence[str]) -> Iterator[list[Span]]:
    is_next_secret = False
    for argument in arguments:
        name, equals, value = argument.partition("=")
        is_option = name.startswith("-") and is_secret_name(name)
        if is_next_secret and not argument.startswith("--"):
            yield [(0, len(argument))]
        elif is_option:
            yield [(len(name) + 1, len(argument))] if value else []
        else:
            yield _spans(argument, _IN_ARGUMENT)
        is_next_secret = is_option and not equals


def _secret_texts(data: Any, is_secret: Callable[[str], bool], hidden: bool) -> list[str]:  # noqa: FBT001
    found: list[str] = []
    left, seen = [(data, hidden)], dict[tuple[int, bool], Any]()
    while left:
        item, hidden = left.pop()
        with suppress(Exception):  # the user's objects may do anything
            if isinstance(item, (str, bytes, bytearray)):
                text = _as_text(item)
                spans = _spans(text)
                found += [text] if hidden and not (spans and "://" in text) else []
                for part in [text[begin:end] for begin, end in spans]:
                    found += [part, unquote(part), part.partition("@")[0]]
            elif isinstance(item, _CONTAINERS) and (id(item), hidden) not in seen:
                seen[id(item), hidden] = item
                pairs = item.items() if isinstance(item, Mapping) else (("", below) for below in item)
                left += [(below, hidden or is_secret(_as_text(name))) for name, below in pairs]
    return found


def _is_same(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> bool:
    return len(one) == len(other) and all(map(is_, one, other)) and all(map(is_, one.values(), other.values()))


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return str.__str__(value)
    return value.decode("utf-8", "surrogateescape") if isinstance(value, (bytes, bytearray)) else ""


def _finder_of(secrets: Iterable[str]) -> re.Pattern[str]:
    """Return what finds each form of the secrets, the longest first; a tree, to be quick for thousands of them."""

    def branches(forms: Iterable[str], depth: int) -> str:
        if depth == 0:
            return "|".join(map(re.escape, forms))
        groups: dict[str, list[str]] = {}
        for form in forms:
            groups.setdefault(form[0], []).append(form[1:])
        return "|".join(f"{re.escape(first)}(?:{branches(rest, depth - 1)})" for first, rest in groups.items())

    forms = {form for secret in secrets for form in _forms_of(secret)}
    return re.compile(branches(sorted(forms, key=len, reverse=True), 3))


def _forms_of(secret: str) -> Iterator[str]:
    """Yield how a secret is written: as it is, in a URL, in JSON, in a repr, in base64."""
    lines = [line for line in secret.splitlines() if len(line) >= LINE_LENGTH] if "\n" in secret else []
    for text in (secret, *lines):
        content = text.encode("utf-8", "surrogatepass")
        yield text
        if not (text.isascii() and text.isalnum()):
            yield from (quote(content, safe=""), quote(content), quote_plus(content), json.dumps(text)[1:-1])
            yield from (json.dumps(text, ensure_ascii=False)[1:-1], *(each(text)[1:-1] for each in (repr, ascii)))
        for before, first in enumerate((0, 2, 3)):  # within other bytes: the characters that it alone determines
            encoded = b64encode(bytes(before) + content).decode()
            for form in (*([] if before else [encoded]), encoded[first : (before + len(content)) * 8 // 6]):
                yield from (form, form.translate({43: "-", 47: "_"}))


class _Masking:
    """One pass over some data."""

    def __init__(self, masker: Masker) -> None:
        self._text, self._is_secret = masker.text, masker.is_secret
        # Containers, by whether they are under a secret name: themselves, so that ids stay theirs, and the results.
        self._seen: dict[tuple[int, bool], tuple[Any, Any]] = {}

    def of(self, value: Any, *, hidden: bool = False) -> Any:
        """Return the value, masked."""
        try:
            return self._masked(value, hidden=hidden)
        except Exception:  # noqa: BLE001 - the user's objects may do anything; what can't be looked at is hidden
            return HIDDEN

    def _masked(self, value: Any, depth: int = 0, *, hidden: bool) -> Any:
        if type(value) in _NUMBERS:  # a quick look, since they are many
            return value
        if isinstance(value, (str, bytes, bytearray)):
            text = _as_text(value)
            new = HIDDEN if hidden and text else self._text(text)
            as_given = new if isinstance(value, str) else new.encode("utf-8", "surrogateescape")
            return value if new == text else as_given
        if isinstance(value, _CONTAINERS):
            seen = self._seen.get((id(value), hidden), (None, HIDDEN if depth == MAX_DEPTH else None))[1]
            if seen is None:
                self._seen[id(value), hidden] = (value, HIDDEN)  # should the value contain itself
                seen = self._container(value, depth + 1, hidden=hidden)
                self._seen[id(value), hidden] = (value, seen)
            return seen
        if isinstance(value, _SHOWN):
            return value
        try:
            text = repr(value)
        except Exception:  # noqa: BLE001 - no text of it will be kept either
            return HIDDEN if hidden else value
        new = HIDDEN if hidden else self._text(text)
        return value if new == text else new

    def _container(self, value: Any, depth: int, *, hidden: bool) -> Any:
        if isinstance(value, Mapping):
            result = {}
            for key, item in value.items():
                is_named = hidden or self._is_secret(_as_text(key))
                result[self._masked(key, depth, hidden=False)] = self._masked(item, depth, hidden=is_named)
            return value if _is_same(result, value) else result
        items = [self._masked(item, depth, hidden=hidden) for item in value]
        kind = next(kind for kind in _COLLECTIONS if isinstance(value, kind))
        return value if all(map(is_, items, value)) else kind(items)
