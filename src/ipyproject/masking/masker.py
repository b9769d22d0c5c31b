"""Hide secrets by their names and, wherever they turn up, by their values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any

from ipyproject.masking.command_lines import masked_command_line, masked_line
from ipyproject.masking.data import Masking
from ipyproject.masking.text import HIDDEN, hide, masked_text, secret_spans
from ipyproject.memo import Memo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ipyproject.masking.text import Span

MIN_LENGTH = 4  # characters; a shorter secret would be found in every other word
SAFE_LENGTH = 8  # a secret shorter than this is only found where it stands as a word of its own
MAX_LENGTH = 10_000
MAX_KNOWN = 5_000
LINE_LENGTH = 16  # of a secret with several lines, such as a private key, each line of this length is hidden

# Passwords that protect nothing, and words: hidden under their names, but not wherever they stand.
_NO_SECRETS = frozenset(
    [
        "admin",
        "airflow",
        "anonymous",
        "changeme",
        "default",
        "example",
        "false",
        "guest",
        "local",
        "minio",
        "minioadmin",
        "mysql",
        "none",
        "null",
        "password",
        "postgres",
        "public",
        "root",
        "secret",
        "test",
        "token",
        "true",
        "user",
    ]
)

# What stands beside a password among credentials and is none: it must not be hidden in every message.
_BESIDE = (
    r"(?i)(?:^|[._-])(?:user_?(?:name)?|login|host(?:_?name)?|server|port|region(?:_?name)?|endpoint(?:_?url)?|account_?name"
    r"|database|db_?(?:name)?|schema|warehouse|role|driver|type|name|project(?:_?id)?|bucket|container|protocol|scheme"
    r"|tenant(?:_?id)?|(?:auth|token|cert)_ur[li]|scopes?|catalog)$"
)


# A value under a name such as `batch_key` is often a plain word: hidden wherever it stands, it would spoil the record.
_WORD = re.compile(r"(?=.{1,20}$)[A-Za-z]?[a-z]+(?:[ _.-][a-z]+)*")


_Place = tuple[str, type, Any, int]


def _place(way: str, key: Any, value: Any) -> _Place:
    """Return what tells a value under a key from all others, as long as the value is kept."""
    return way, type(key), key, id(value)


class Masker:
    """Masks what goes into a record, a display, a log or an error. Safe with threads.

    Args:
        known: Secrets that are hidden wherever they stand.
        memo: What maskers before have found in data that never changes: it is not looked through again. Of their
            secrets only those that are in this one's data are known.
    """

    def __init__(self, known: Iterable[str] = (), *, memo: Memo | None = None) -> None:
        self._lock = Lock()
        self._known: frozenset[str] = frozenset()
        self._memo = memo if memo is not None else Memo()
        self._learned: dict[_Place, tuple[Any, list[str]]] = {}  # fixed values, so that ids stay theirs; secrets
        self._fixed: dict[int, Any] = {}  # the whole of what was learned as such
        self._learn(known)

    def learn(self, data: Any, *, fixed: bool = False) -> None:
        """Remember every value of `data` that stands under a secret name, and the passwords of its URLs.

        Args:
            data: Anything.
            fixed: Nobody will ever change the values that it holds.
        """
        if fixed and _is_divisible(data):
            self._learn(self._learned_of("named", data, _secrets_in))
            self._fixed[id(data)] = data
        else:
            self._learn(_secrets_in(data))

    def learn_credentials(self, credentials: Mapping[str, Any], *, fixed: bool = False) -> None:
        """Remember the values of credentials, whatever they are called, but for users, hosts and the like.

        Args:
            credentials: The credentials.
            fixed: Nobody will ever change the values that they hold.
        """
        self.learn(credentials, fixed=fixed)
        find = _credential_texts
        self._learn(self._learned_of("all", credentials, find) if fixed else find(credentials))

    def _learned_of(self, way: str, data: Mapping[Any, Any], find: Callable[[dict[Any, Any]], list[str]]) -> list[str]:
        """Find the secrets in data that never changes, in each of its values once."""

        def by_value() -> dict[_Place, tuple[Any, list[str]]]:
            return {_place(way, key, value): learned(key, value) for key, value in data.items()}

        def learned(key: Any, value: Any) -> tuple[Any, list[str]]:
            place = _place(way, key, value)
            return self._memo.get(("secrets", *place), lambda: (value, find({key: value})))

        found = self._memo.of(("secrets", way), data, by_value)
        self._learned.update(found)
        return [secret for _, secrets in found.values() for secret in secrets]

    def text(self, text: str) -> str:
        """Return a text with its secrets hidden: the known ones, and what `masked_text` finds."""
        if not self._known:
            return masked_text(text)
        return hide(text, [*secret_spans(text), *self._known_spans(text)])

    def line(self, text: str) -> str:
        """Return a magic's line with its secrets hidden (see `masked_line`)."""
        return self._without_known(masked_line(text))

    def command_line(self, arguments: Sequence[str]) -> list[str]:
        """Return the arguments of a command with their secrets hidden (see `masked_command_line`)."""
        return [self._without_known(each) for each in masked_command_line(arguments)]

    def data(self, value: Any, *, name: str | None = None) -> Any:
        """Return data of any shape with its secrets hidden (see `masked`); known ones are hidden in all its texts.

        What was learned as `fixed` is masked once.
        """
        if name is None and id(value) in self._fixed:
            return self._memo.of(("all masked", self._known), value, lambda: self._masked_by_value(value))
        return self._masked_by_value(value, name)

    def _masked_by_value(self, value: Any, name: str | None = None) -> Any:
        if name is None and _is_divisible(value):
            places = {key: _place("named", key, item) for key, item in value.items()}
            if not self._learned.keys().isdisjoint(places.values()):
                return self._fixed_data(value, places)
        return Masking(self.text).of(value, name=name)

    def _fixed_data(self, values: dict[Any, Any], places: Mapping[Any, _Place]) -> Any:
        """Mask a mapping of values that are fixed, or some of which are: one at a time."""
        # What such data looks like masked, while just these secrets are known.
        secrets = self._known
        masked: dict[_Place, tuple[Any, Any]] = self._memo.last(("masked", secrets)) or {}
        fixed: dict[_Place, tuple[Any, Any]] = {}
        result: dict[Any, Any] = {}
        for key, value in values.items():
            place = places[key]
            one = masked.get(place) or (value, Masking(self.text).of({key: value}))
            if one[1] == HIDDEN:  # it can't be looked at
                return HIDDEN
            if place in self._learned:
                fixed[place] = one
            result.update(one[1])
        self._memo.put(("masked", secrets), fixed)
        same = len(result) == len(values) and all(key in result and result[key] is values[key] for key in values)
        return values if same else result

    def _without_known(self, text: str) -> str:
        return hide(text, self._known_spans(text))

    def _known_spans(self, text: str) -> list[Span]:
        return [match.span() for pattern in self._patterns() for match in pattern.finditer(text)]

    def _learn(self, secrets: Iterable[str]) -> None:
        with self._lock:
            new = {text for text in secrets if MIN_LENGTH <= len(text.strip()) <= MAX_LENGTH} - self._known
            new = {text for text in new if text.lower() not in _NO_SECRETS and text.strip("*")}
            if new:
                self._known |= set(sorted(new, key=len)[: max(0, MAX_KNOWN - len(self._known))])

    def _patterns(self) -> tuple[re.Pattern[str], ...]:
        known = self._known
        return self._memo.get(("patterns", known), lambda: _patterns(known))


def _is_divisible(data: Any) -> bool:
    """Tell whether data can be looked through one top-level value at a time: none names what is beside it."""
    return type(data) is dict and "value" not in data


def _secrets_in(data: Any) -> list[str]:
    found: list[str] = []

    def spied(text: str) -> str:
        found.extend(text[begin:end] for begin, end in secret_spans(text))
        return text

    def taken(value: Any, certain: bool) -> None:  # noqa: FBT001  (called by position)
        found.extend(text for _, text in _leaves(value) if certain or not _WORD.fullmatch(text))

    Masking(spied, found=taken).of(data)
    return found


def _patterns(secrets: Iterable[str]) -> tuple[re.Pattern[str], ...]:
    forms = sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True)
    long = "|".join(re.escape(form) for form in forms if len(form) >= SAFE_LENGTH)
    short = "|".join(re.escape(form) for form in forms if len(form) < SAFE_LENGTH)
    found = [re.compile(long)] if long else []
    return (*found, re.compile(rf"(?<![^\W_])(?:{short})(?![^\W_])")) if short else tuple(found)


def _forms(secret: str) -> Iterator[str]:
    """Yield how a secret is written: as it is, in a URL, in JSON and in a repr."""
    from urllib.parse import quote, quote_plus

    lines = [line for line in secret.splitlines() if len(line) >= LINE_LENGTH] if "\n" in secret else []
    for text in (secret, secret.strip(), *lines):
        yield text
        yield quote(text, safe="", errors="replace")
        yield quote(text, errors="replace")
        yield quote_plus(text, errors="replace")
        yield json.dumps(text)[1:-1]
        yield json.dumps(text, ensure_ascii=False)[1:-1]
        yield repr(text)[1:-1]
        yield ascii(text)[1:-1]


def _credential_texts(credentials: Mapping[str, Any]) -> list[str]:
    return [
        text
        for name, text in _leaves(credentials, numbers=False)
        if not re.search(_BESIDE, name) and "://" not in text  # of a URL, only its password is secret
    ]


def _leaves(value: Any, *, numbers: bool = True) -> Iterator[tuple[str, str]]:
    """Yield name and text of what stands at the ends of some data, which may contain itself."""
    left = [("", value)]
    seen: dict[int, Any] = {}
    while left:
        name, item = left.pop()
        if isinstance(item, str):
            yield name, str.__str__(item)
        elif isinstance(item, (bytes, bytearray)):
            yield name, item.decode("utf-8", "replace")
        elif isinstance(item, (int, float)):
            if numbers and not isinstance(item, bool):
                yield name, repr(item)
        elif isinstance(item, (Mapping, list, tuple, set, frozenset)) and id(item) not in seen:
            seen[id(item)] = item
            left += (
                [(str(key), below) for key, below in item.items()]
                if isinstance(item, Mapping)
                else [(name, below) for below in item]
            )
