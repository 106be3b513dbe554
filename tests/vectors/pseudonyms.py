#!/usr/bin/env python3
"""Makes pseudonyms.json: identifiers as pages pass them, their one spelling, and the pseudonym of it.

    python3 tests/vectors/pseudonyms.py > tests/vectors/pseudonyms.json

Shares nothing with the project's code: Python's unicodedata (Unicode 14) normalises, `hmac` derives as
docs/BODY.md says, and PyPI idna 3.13 (BSD-3-Clause) has the mapping of UTS #46 for domains. The rules for what is an
e-mail address and what a phone number are written down once more below, from their description.
"""
import base64
import hmac
import json
import random
import re
import struct
import unicodedata

import idna

rng = random.Random(20261201)

SALT = bytes(range(32))
DEPLOYMENT, EPOCH = "shop", 20781
# What JavaScript's trim() takes away, and its \s matches.
BLANK = "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
# What nobody sees, Unicode's Default_Ignorable_Code_Point: soft hyphen, joiners, marks of direction, fillers, selectors.
INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212"


def folded(text):
    """Compatibility forms folded, nothing invisible, no blanks around it."""
    return unicodedata.normalize("NFKC", INVISIBLE.sub("", text)).strip(BLANK)


def domain(name):
    """As WHATWG's URL parser writes a host: UTS #46, not transitional, without the rules of DNS for names."""
    mapped = unicodedata.normalize("NFC", idna.uts46_remap(name, std3_rules=False, transitional=False))
    labels = [
        label if label.isascii() else "xn--" + label.encode("punycode").decode() for label in mapped.split(".")
    ]
    ascii = ".".join(labels)
    return ascii if re.search(r"\.[a-z][a-z\d-]*$", ascii) and "" not in labels else None


def email(text):
    text = folded(text)
    local, at, host = text.rpartition("@")
    if not at or not local or not host or any(c in BLANK for c in text) or any(c in "/\\?#:[]%" for c in host):
        return None
    try:
        ascii = domain(host)
    except idna.IDNAError:
        return None
    # Lower case without a locale.
    return ascii and f"{local.lower()}@{ascii}"


def phone(text):
    digits = "".join(c for c in folded(text) if c not in BLANK and c not in "()./" and c not in DASHES)
    return digits if re.fullmatch(r"\+[0-9]{8,15}", digits) else None


def read(text, kind=None):
    """Kind and one spelling, or two times None."""
    if not text.strip(BLANK) or len(text.encode("utf-16-le")) > 2 * 4096:
        return None, None
    kinds = {"email": email, "phone": phone, "opaque": lambda text: unicodedata.normalize("NFC", text)}
    for name in [kind] if kind else kinds:
        found = kinds[name](text)
        if found:
            return name, found
    return None, None


def lp(data):
    return struct.pack(">I", len(data)) + data


def pseudonym(kind, canonical, namespace="user"):
    prk = hmac.digest(b"nymtrail/p1", SALT, "sha256")
    info = lp(DEPLOYMENT.encode()) + lp(namespace.encode()) + struct.pack(">Q", EPOCH)
    key = hmac.digest(prk, info + b"\x01", "sha256")
    tag = hmac.digest(key, b"\x01" + lp(kind.encode()) + lp(canonical.encode()), "sha256")[:16]
    return "p1." + base64.urlsafe_b64encode(tag).decode().rstrip("=")


wide = lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else "\u3000" if c == " " else c for c in text)
form = unicodedata.normalize


def between(text, mark):
    """The mark after every third character."""
    return "".join(c + (mark if at % 3 == 2 else "") for at, c in enumerate(text))


def turkish():
    """What lower-casing with the locale of Turkey would spoil: I and i, with and without dot."""
    for local in ["INFO", "IBRAHIM", "İBRAHİM", "ılık", "ILIK", "İ", "I", "Istanbul.İzmir", "TİTİZ+IŞIK", "ÇİĞDEM", "şIk"]:
        for host in ["EXAMPLE.ORG", "İSTANBUL.example", "ISPARTA.example", "ışık.example", "IŞIK.EXAMPLE"]:
            yield f"{local}@{host}", "email" if len(local) % 2 else None
    for name in ["IBRAHIM IŞIK", "İbrahim Işık", "ibrahim ışık", "TITIZ-42"]:
        yield name, None


def composition():
    """The same letters in one piece and in several."""
    names = ["Zoë O'Neil", "Amélie", "Ångström", "Dvořák", "Nguyễn Thị Hồng", "Łukasz Żółć", "Tạ Quỳnh", "Ǘ̈x", "각하", "がぎぐ", "é́é", "ﬁnn"]
    for name in names:
        for kind in ["NFC", "NFD", "NFKC", "NFKD"]:
            yield form(kind, name), None
    for address in ["Zoë.O'Neil+tag@exämple.com", "dvořák@příklad.example", "nguyễn@ví-dụ.example", "각@한국.example"]:
        for kind in ["NFC", "NFD", "NFKC", "NFKD"]:
            yield form(kind, address), None
            yield form(kind, address.upper()), "email"


def domains():
    """Internationalised names, as they are written and as they are registered."""
    hosts = [
        "bücher.example", "BÜCHER.example", "xn--bcher-kva.example", "XN--BCHER-KVA.EXAMPLE", "straße.example", "STRASSE.example",
        "faß.example", "例え.テスト", "例え。テスト", "пример.испытание", "ПРИМЕР.ИСПЫТАНИЕ", "παράδειγμα.δοκιμή", "ΌΣΟΣ.example",
        "مثال.إختبار", "उदाहरण.परीक्षा", "☃.example", "x_y.example", "a--b.example", "ex.ample.co.uk", "mail.example．org",
        "ex­ample.org", "exam\u200bple.org", "exam\u2060ple.org", "ﬁsh.example", "Ⅷ.example", "ⓔⓧ.example", "℡.example", "ａｂｃ.example",
    ]
    for host in hosts:
        yield f"Ann@{host}", None
    # What is no domain of an address.
    for host in ["example", "1.2.3.4", "[1.2.3.4]", "7", "example.org/x", "example.org:80", "exa mple.org", "ex%61mple.org", "a?b.org", "-", "."]:
        yield f"ann@{host}", None
        yield f"ann@{host}", "email"


def width():
    """Full-width letters and digits, and other digits and dashes."""
    for text in ["Ann@Example.org", "info+tag@example.co.uk", "+49 711 123-456", "+1 (555) 010.9999", "customer 4711", "A-1"]:
        yield wide(text), None
    for number in ["+49 151 7764 2093", "+41 79 806 42 17", "+90 (532) 000-00-01", "+1.555.010.9999", "+44/20/7946/0018"]:
        yield number, None
        yield wide(number), "phone"
        for dash in DASHES:
            yield number.replace(" ", dash).replace("-", dash), None
        for blank in "\u00a0\u2007\u2009\u202f\u3000":
            yield number.replace(" ", blank), "phone"
    for number in ["0711 123456", "+4971", "+4971112345678901", "+49 711 ext 5", "49711123456", "+٤٩١٥١٧٧٦٤٢٠٩٣", "++4971112345", "+", "+49+711123456"]:
        yield number, None
        yield number, "phone"


def invisible():
    """Zero-width characters, marks of direction, soft hyphens: what comes along with copied text."""
    marks = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad\u202a\u202c\u2066\u2069\u180e\u034f\ufe0f\u061c\u3164"
    for mark in marks:
        yield mark + "ann@example.org", None
        yield between("ann.lee@example.org", mark), "email"
        yield f"\u202a{between('+49711123456', mark)}\u202c", None
        yield between("customer-4711", mark), None


def blanks():
    for blank in BLANK:
        yield f"{blank}Ann@Example.org{blank}", None
    for text in ["", " ", "\ufeff", "\u3000\t", "a b@example.org", "ann@exam ple.org", "@example.org", "ann@", "@", "ann", " 42 "]:
        yield text, None
    for text in ["ann", "+49711123456", "4711"]:
        yield text, "email"
    for text in ["ann@example.org", "Ann@Example.ORG", "+49 711 123456", "x"]:
        yield text, "opaque"
        yield text, "phone"


def scripts():
    """Lower case where it depends on what stands around it, or makes more or fewer letters."""
    for local in ["ΟΔΥΣΣΕΥΣ", "ΣΑΣ.ΣΑΣ", "ΑΣ'Α", "GROẞ", "straße", "ǅ", "K", "Å", "Ω", "ﬀ", "ῼ", "𐐀", "Ⴀ", "Ꭰ", "ŸÑ", "ĲSSEL", "ŉ", "ΐ", "אבג", "मेल", "用户", "👩‍💻", "a@b"]:
        yield f"{local}@example.org", None
    for text in ["Ａ", "ℌ", "①", "😀", "👩‍💻", "مرحبا", "日本語", "\u0000x", "x\u001ey", '"quoted"', "back\\slash", "line\nbreak", "\u2028", "\u0301", "\U0010ffff", "\ufffd", "ﷺ"]:
        yield text, None
    for uuid in range(6):
        yield "%08x-%04x-4%03x-8%03x-%012x" % tuple(rng.getrandbits(bits) for bits in (32, 16, 12, 12, 48)), None


def long():
    """A unit and how often: nobody's name has 4,000 characters, but a form may take it."""
    for unit, times in [("x", 4000), ("é", 2000), ("e\u0301", 2000), ("가", 4000), ("가", 2000), ("👩", 2000), ("Ａ", 4000), ("ﬀ", 4096)]:
        yield unit, times, None
    yield "x", 4097, None
    yield "👩", 2049, None


def mixed():
    """All of it at once, as it comes from forms, sheets and address books."""
    locals_ = ["Zoë.O'Neil+tag", "İlhan_ŞEN", "ΝΊΚΟΣ", "иВАН-1", "x", "Jean‐Luc"]
    hosts = ["Exämple.com", "İzmir.example", "почта.example", "例え.テスト", "MAIL.example.co.uk"]
    numbers = ["+49 (151) 7764-2093", "+1 555 010 9999", "+41 79 806 42 17", "+81 3-1234-5678"]
    shapes = [lambda text: form("NFD", text), lambda text: form("NFKD", text), wide, str.upper, str.lower, lambda text: between(text, "\u200b"),
              lambda text: f"\u202a{text}\u202c", lambda text: f" {text}\u00a0", lambda text: text.replace(" ", "\u2009")]
    while True:
        text = rng.choice(numbers) if rng.random() < 0.3 else f"{rng.choice(locals_)}@{rng.choice(hosts)}"
        for shape in rng.sample(shapes, 3):
            text = shape(text)
        yield text, None


def vectors():
    seen = set()
    for source in [turkish, composition, domains, width, invisible, blanks, scripts, mixed]:
        for text, kind in source():
            if len(seen) == 490:  # and ten long ones
                break
            if (text, kind) in seen:
                continue
            seen.add((text, kind))
            found, canonical = read(text, kind)
            yield {"of": source.__name__, "id": text, "type": kind, "kind": found, "canonical": canonical, "pseudonym": found and pseudonym(found, canonical)}
    for unit, times, kind in long():
        found, canonical = read(unit * times, kind)
        one = found and read(unit, kind)[1]
        assert canonical is None or canonical == one * times
        yield {"of": "long", "id": unit, "times": times, "type": kind, "kind": found, "canonical": one, "pseudonym": found and pseudonym(found, canonical)}


rows = list(vectors())
head = {"deployment": DEPLOYMENT, "namespace": "user", "epoch": EPOCH, "salt": SALT.hex()}
assert pseudonym("opaque", "42").startswith("p1.")
print(json.dumps(head)[:-1] + ',"vectors":[')
print(",\n".join(json.dumps(row) for row in rows))
print("]}")
