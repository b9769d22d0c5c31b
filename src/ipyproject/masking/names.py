"""Tell by its name whether a value is a secret: tables of words, for names in any style."""

from __future__ import annotations

import re
from functools import lru_cache

# Most names never get past the quick look, so all patterns but its own are only compiled when they are needed.

# The steps of a path (`db.password`, `db/password`, `db[password]`), and the words of a step in any style.
_STEP = r"[^./:\[\]]+"
_WORD = r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+"

# Below, a name is its words in lower case with single blanks between them: `awsSecretKey` is "aws secret key".

# A name without any of these needs no closer look.
_SUSPECT = re.compile(r"pass|pw|psk|secret|cred|token|auth|bearer|key|conn|hook|pat(?!h)|dsn|sas|sig|cookie|jwt|otp")
# Secret wherever they stand, also grown together with other words (`pgpassword`, `authtoken`).
_ANYWHERE = (
    r"pass ?(?:word|wd|wort|phrase|code)|pwd|secret(?!ar|ion)|credential|token(?!i[sz])|authori[sz]ation|bearer"
    r"|(?:api|access|private|account|shared|auth|encryption|signing|master|subscription|ssh|licen[cs]e) ?keys?\b"
    r"|conn(?:ection)? ?str(?:ing)?\b|web ?hook$|(?:web ?hook|sas) ur[li]$"
    r"|(?:git ?hub|git ?lab|azure|ado|databricks) pat$"
)
# Secret as the last word.
_LAST = r"\b(?:key|pass|pw|psk|creds?|auth|o ?auth|passkey|dsn|sas|sig|signature|cookies?|jwt|otp)(?: \d+)*$"

# What the tables above would take for a secret and is none.
_HARMLESS = (
    # columns and places, named by a kind of key
    r"\b(?:primary|foreign|sort(?:ing)?|partition(?:ing)?|group(?:ing)?|join|merge|unique|index|lookup|row|range|hash"
    r"|natural|surrogate|composite|candidate|business|map|dict|json|yaml|column|field|feature|label|target|date|time"
    r"|parent|child|order|object|s 3|cache|config|param|parameter|dataset|public|by|per|no|any|each) key(?: \d+)*$"
    # tokens of language models
    r"|\b(?:pad(?:ding)?|[bes]os|unk(?:nown)?|mask|sep|cls|start|end|oov|stop|special|blank|separator)"
    r" tokens?(?: ids?)?$"
    r"|\b(?:max|min|num|n|number of|total|input|output|prompt|completion|new|cached|reasoning|per|count) tokens?$"
    r"|\btokens? (?:per|type ids|ids|dim|budget|weights?|embeddings?)\b"
    # filters, sweeps, signatures of functions, the format SAS
    r"|\b(?:low|high|band|first|second|single|one|two|multi|n|max|all|by|forward|backward) pass$"
    r"|\b(?:model|function|method|call|type|input|output) signature$|\b(?:read|load|from|to) sas$"
    # what is said about a secret
    r"|(?<!^) (?:length|len|limit|count|size|polic(?:y|ies)|types?|url|uri|endpoint|expiry|expires?|expiration|ttl"
    r"|timeout|age|required|enabled|pattern|regex|fields?|columns?|files?|filename|path|dir|folder|names?)$"
)
_ITS_URL = r"(?:web ?hook|sas) ur[li]$"  # the URL itself is the secret


@lru_cache(maxsize=16_384)
def is_secret_name(name: str) -> bool:
    """Return whether what is kept under `name` looks like a secret.

    Args:
        name: A key, an option, a variable or a dotted path, in any style: ``apiKey``, ``API_KEY``, ``api-key``,
            ``services.maps.api_key``. A path is secret as soon as one of its steps is.
    """
    return may_name_secrets(name) and any(_is_secret_step(step) for step in re.findall(_STEP, name))


def is_doubtful_name(name: str) -> bool:
    """Return whether a secret name is one that columns and the like may have too: it only ends in ``key`` or so."""
    return not any(re.search(_ANYWHERE, " ".join(re.findall(_WORD, step)).lower()) for step in re.findall(_STEP, name))


def may_name_secrets(text: str) -> bool:
    """Return whether a secret name may stand in a text; quick, and False only where none does."""
    return _SUSPECT.search(text.lower()) is not None


def _is_secret_step(step: str) -> bool:
    words = " ".join(re.findall(_WORD, step)).lower()
    if not (re.search(_ANYWHERE, words) or re.search(_LAST, words)):
        return False
    return not re.search(_HARMLESS, words) or bool(re.search(_ITS_URL, words))
