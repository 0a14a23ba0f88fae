"""What of a server's words is shown."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from functools import partial
from html import escape
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aventus_creds.basics.redact import LONGEST, RUN, plain

SECRETS = {
    "random": "q8Zt-3_vXw~91.LmPd0/aB+cE=",
    "letters": "correct horse battery staple",
    "long": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJlLW9mLWE",
    "quotes": 'it\'s "so" <secret> & 100% säfe\\really',
    "short": "pa55/word",
}

SIGNS = "".join(map(chr, range(33, 127)))
Spell = Callable[[str], str]


def in_base64(code: Callable[[bytes], bytes], start: bytes, text: str) -> str:
    return code(start + text.encode()).decode()


SPELLINGS: dict[str, Spell] = {
    "as it is": str,
    "upper case": str.upper,
    "percent": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "percent, small": lambda text: quote(text, safe="").replace("%2F", "%2f"),
    "percent, every character": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "percent twice": lambda text: quote(quote(text, safe=""), safe=""),
    "percent five times": lambda text: f"{quote(text, safe='')}".replace("%", "%25252525"),
    "percent u": lambda text: "".join(f"%u{ord(char):04x}" for char in text),
    "HTML": escape,
    "HTML twice": lambda text: escape(escape(text)),
    "decimal entities": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "decimal entities with zeros": lambda text: "".join(f"&#000{ord(char)};" for char in text),
    "decimal entities, open": lambda text: " ".join(f"&#{ord(char)}" for char in text),
    "hexadecimal entities": lambda text: "".join(f"&#x{ord(char):x};" for char in text),
    "hexadecimal entities, big": lambda text: "".join(f"&#X{ord(char):04X};" for char in text),
    "entities, percent": lambda text: quote("".join(f"&#{ord(char)};" for char in text)),
    "escapes": lambda text: "".join(f"\\u{ord(char):04x}" for char in text),
    "escapes of quotes": lambda text: text.replace("'", "\\u0027").replace("/", "\\u002F"),
    "escapes twice": lambda text: "".join(f"\\\\u{ord(char):04X}" for char in text),
    "escapes in braces": lambda text: "".join(f"\\u{{{ord(char):x}}}" for char in text),
    "escapes of bytes": lambda text: "".join(f"\\x{byte:02x}" for byte in text.encode()),
    "JSON": json.dumps,
    "JSON twice": lambda text: json.dumps(json.dumps(text)),
    "JSON three times": lambda text: json.dumps(json.dumps(json.dumps(text))),
    "one short at the end": lambda text: text[:-1],
    "one short at the start": lambda text: text[1:],
    "with more around it": lambda text: f"abc{text}xyz",
    "twice": lambda text: text + text,
    "reversed": lambda text: text[::-1],
    "reversed and percent": lambda text: quote(text[::-1]),
    "spaces": " ".join,
    "dashes": "-".join,
    "lines": "\n".join,
    "invisible": "\u200b".join,
    "wide": lambda text: "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal with colons": lambda text: text.encode().hex(":").upper(),
    **{
        f"{code.__name__} after {len(start)}": partial(in_base64, code, start)
        for start in (b"", b"a", b"ab", b"the-client:")
        for code in (base64.b64encode, base64.urlsafe_b64encode)
    },
    "base64 in lines": lambda text: "\r\n".join(base64.b64encode(text.encode()).decode()),
    "base64, percent": lambda text: quote(base64.b64encode(text.encode())),
    "base64, reversed": lambda text: base64.b64encode(text.encode()).decode()[::-1],
}  # fmt: skip


def letters(text: str) -> str:
    return "".join(char for char in text.lower() if char.isalnum())


def longest_shared(one: str, other: str) -> int:
    """Return the length of the longest text that is in both."""
    best = 0
    for at in range(len(one)):
        while one[at : at + best + 1] in other and at + best < len(one):
            best += 1
    return best


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_in_another_spelling(name: str, spelling: str) -> None:
    """Of what was sent no run of letters and digits comes back, and the words around it stay."""
    spelt = SPELLINGS[spelling](SECRETS[name])
    shown = plain(f'the key "{spelt}" is not known here', [SECRETS[name]])
    assert shown.startswith('the key "')
    assert shown.endswith('" is not known here')
    said = shown.removeprefix('the key "').removesuffix('" is not known here')
    assert "…" in said
    if spelling not in {"with more around it", "percent five times"} and "after" not in spelling:
        assert len(said) <= 16  # the encoded signs at its ends
    for part in said.split("…"):
        assert longest_shared(letters(part), letters(SECRETS[name])) < 5
        base64_letters = letters(base64.b64encode(SECRETS[name].encode()).decode())
        assert longest_shared(letters(part), base64_letters) < 5


@pytest.mark.parametrize("count", [7, 9, 30])
def test_words_that_are_encoded_without_end(count: int) -> None:
    """Beyond what anybody encodes, nothing is shown rather than what nobody has looked at."""
    spelt = "q8Zt/3vXw/91LmPd"
    for _ in range(count):
        spelt = quote(spelt, safe="")
    shown = plain(f"no {spelt}", ["q8Zt/3vXw/91LmPd"])
    assert shown == ("no …" if count < 8 else "…")


USEFUL = [
    "The redirect URI http%3A%2F%2Flocalhost%3A8765%2Fcallback is not registered.",
    'Parameter "scope" has the unknown value "contacts.read contacts.write" (allowed: &quot;openid&quot;).',
    "AADSTS50034: The user account does not exist in the tenant. Trace ID: 7c0ffee-1",
    "Invalid client secret provided. Ensure the secret being sent is the secret value, not its ID.",
    r"User CORP\ann may not use C:\Users\ann\u0041 100%25",
    "Die Anmeldung ist für diesen Benutzer nicht erlaubt.",
]


@pytest.mark.parametrize("said", USEFUL)
def test_what_helps_stays(said: str) -> None:
    """Words without a secret are shown as the server wrote them: nothing is decoded, nothing is taken out."""
    assert plain(said, [*SECRETS.values(), "r", "12", ""]) == said


def test_a_secret_that_holds_another() -> None:
    """Of a secret that begins with another one, no rest is left; an absent secret hides nothing."""
    secrets = ("abcdefghij", "abcdefghij-and-more", "")
    assert plain("Sorry. (abcdefghij-and-more), abcdefghij!", secrets) == "Sorry. (…), …!"


def test_a_secret_of_few_letters() -> None:
    """It is removed as a word only, and one of signs wherever it is; both also where they are encoded."""
    assert plain("no r for invalid_grant: r, %72", ["r"]) == "no … for invalid_grant: …, …"
    assert plain("<ab c> <ab+c> <ab%2Bc> <ab%20c>", ["ab c"]) == "<…> <…> <…> <…>"
    assert plain("x$%&/()=?!y &#36;%25&amp;/()=?!", ["$%&/()=?!"]) == "x…y …"


@given(
    st.text(SIGNS, min_size=30, max_size=60),
    st.sampled_from(sorted(SPELLINGS)),
    st.text(SIGNS, max_size=20),
)
def test_any_secret_in_any_spelling(secret: str, spelling: str, around: str) -> None:
    """No run of it is left, whatever stands around it."""
    assume(len(letters(secret)) > RUN and longest_shared(letters(secret), letters(around)) < 5)
    shown = plain(f"{around} {SPELLINGS[spelling](secret)} {around}", [secret])
    assert longest_shared(letters(shown), letters(secret)) < RUN


@pytest.mark.parametrize(
    "words",
    [
        *("a" * 1_000_000, "a1" * 500_000, "a " * 500_000, "a" * 31 + "\n" * 1_000_000),
        *("%25" * 300_000, "&amp;" * 200_000, "\\" * 1_000_000, "%" + "25" * 500_000, "&" * 1_000_000),
        "q8Zt" * 250_000,
    ],
)
def test_endless_words(words: str) -> None:
    """A megabyte of words is shortened in no time, also with secrets of a few kilobytes."""
    began = time.process_time()
    assert len(plain(words)) <= LONGEST + 1
    assert len(plain(words, ["q8Zt-3_vXw~91.LmPd0/aB+cE=" * 200, "another-secret"] * 3)) <= LONGEST + 1
    assert time.process_time() - began < 2
