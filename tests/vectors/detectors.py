#!/usr/bin/env python3
"""Makes detectors.json: strings that hold personal data by their form, and strings that only look like it.

    python3 tests/vectors/detectors.py > tests/vectors/detectors.json

Nobody's data: numbers are made at random, or are the examples of a numbering plan. What is valid is decided by
libraries, not by this project: PyPI phonenumbers 9.0.43 (Apache-2.0; example numbers of every region, and how people
write them), python-stdnum 2.2 (LGPL-2.1; Luhn, IBAN, SSN), Faker 40.63.0 (MIT; IBANs, card numbers by issuer,
addresses, words). They are asked, nothing of them is copied.
"""
import base64
import json
import random
import uuid

import phonenumbers
import stdnum.iban
import stdnum.luhn
import stdnum.us.ssn
from faker import Faker

SEED = 20261124
rng = random.Random(SEED)
Faker.seed(SEED)
LOCALES = ["en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "pl_PL", "tr_TR", "ru_RU", "ja_JP", "zh_CN", "ar_SA"]
fakes = {locale: Faker(locale) for locale in LOCALES}
en = fakes["en_US"]

AROUND = ["{}", "{}", "call {}", "my data: {}, thanks", "({})", "“{}”", "contact={}", "x: {}.", "Kunde {} sagt nein", "連絡先 {} まで"]
around = lambda value: rng.choice(AROUND).format(value)
pick = lambda alphabet, count: "".join(rng.choice(alphabet) for _ in range(count))
ALNUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
DIGITS = "0123456789"


def emails():
    for at in range(300):
        fake = fakes[LOCALES[at % 9]]
        yield rng.choice([fake.email, fake.company_email, fake.ascii_safe_email])()
    for local in ["o'neil+tag", "first.last", "x", "UPPER.Case", "zoë", "иван", "user_name-1"]:
        for domain in ["example.org", "mail.example.co.uk", "exämple.com", "xn--exmple-cua.com", "example.museum"]:
            yield f"{local}@{domain}"


def phones():
    """Every region's example numbers in the formats of libphonenumber, and in what people make of them."""
    kinds = [phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE]
    formats = phonenumbers.PhoneNumberFormat
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in kinds:
            number = phonenumbers.example_number_for_type(region, kind)
            if not number or not phonenumbers.is_valid_number(number):
                continue
            international = phonenumbers.format_number(number, formats.INTERNATIONAL)
            code, rest = international.split(" ", 1)
            yield rng.choice(
                [
                    international,
                    phonenumbers.format_number(number, formats.E164),
                    phonenumbers.format_number(number, formats.RFC3966),
                    international.replace(" ", "-"),
                    international.replace(" ", "."),
                    international.replace(" ", "\u00a0"),
                    f"{code} (0){rest}",
                    f"{code} ({rest.split(' ')[0]}) {' '.join(rest.split(' ')[1:])}".strip(),
                    f"{code} / {rest}",
                ]
            )


def cards():
    providers = ["visa", "mastercard", "amex", "discover", "diners", "jcb", "visa16", "visa19", "maestro"]
    for at in range(300):
        provider = providers[at % len(providers)]
        card = en.credit_card_number(provider)
        assert stdnum.luhn.is_valid(card)
        groups = [card[:4], card[4:10], card[10:]] if len(card) in (14, 15) else [card[i : i + 4] for i in range(0, len(card), 4)]
        yield rng.choice(["", "", " ", "-"]).join(groups)


def ibans():
    for at in range(300):
        fake = fakes[["en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "pl_PL", "tr_TR"][at % 7]]
        iban = fake.iban()
        assert stdnum.iban.is_valid(iban, check_country=False), iban
        yield rng.choice([iban, stdnum.iban.format(iban), iban.lower(), stdnum.iban.format(iban)])
    # Other countries' lengths and letters, with check digits of stdnum.
    for country, length in [("MT", 27), ("BR", 25), ("NO", 11), ("LC", 28), ("SA", 20), ("GB", 18), ("JO", 26), ("SC", 27)]:
        for _ in range(10):
            account = pick("ABCDEFGHJK" + DIGITS * 3, length)
            iban = country + stdnum.iban.calc_check_digits(f"{country}00{account}") + account
            yield rng.choice([iban, stdnum.iban.format(iban)])


def ips():
    for at in range(200):
        yield rng.choice([en.ipv4_public, en.ipv4_private])()
    for _ in range(100):
        yield en.ipv6()
    groups = lambda count: ":".join(f"{rng.randrange(1, 65536):x}" for _ in range(count))
    for _ in range(50):
        yield f"2001:db8::{groups(rng.randrange(1, 5))}"
        yield f"fe80::{groups(4)}"
        yield f"2a02:{groups(3)}::"
    # The address is what counts, not what is around it.
    for _ in range(20):
        for text in ["::ffff:{}", "http://{}:8080/login"]:
            yield {"value": (value := en.ipv4_public()), "text": text.format(value)}


def ssns():
    for _ in range(300):
        number = en.ssn()
        assert stdnum.us.ssn.is_valid(number) or number in ("078-05-1120", "457-55-5462", "219-09-9999")
        yield number if rng.random() < 0.7 else number.replace("-", " ")


def jwts():
    part = lambda value: base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")
    for at in range(200):
        head = {"alg": rng.choice(["HS256", "RS256", "ES256", "none"]), "typ": "JWT"}
        payload = {"sub": str(rng.randrange(10**9)), "iat": 1795521600 + at}
        signature = "" if head["alg"] == "none" else pick(ALNUM + "-_", 43)
        yield f"{part(head)}.{part(payload)}.{signature}"


def keys():
    """With a bar that tests take out, so that nothing that looks for leaked keys takes these for real ones."""
    for _ in range(20):
        yield "sk_|live_" + pick(ALNUM, 24)
        yield "gh|p_" + pick(ALNUM, 36)
        yield "github_|pat_" + pick(ALNUM, 22) + "_" + pick(ALNUM, 59)
        yield "AK|IA" + pick("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)
        yield f"xo|xb-{pick(DIGITS, 12)}-{pick(DIGITS, 12)}-{pick(ALNUM, 24)}"
        yield "AI|za" + pick(ALNUM, 35)
        yield "gl|pat-" + pick(ALNUM, 20)
        yield "Bearer " + pick(ALNUM, 32)
        value = str(uuid.UUID(int=rng.getrandbits(128)))
        yield {"value": value, "text": f"Authorization: bearer {value}"}


def places():
    for _ in range(100):
        lat, lon = rng.uniform(-85, 85), rng.uniform(-180, 180)
        if abs(lat) < 4 and abs(lon) < 4:
            continue
        yield rng.choice(
            [
                f"{lat:.4f}, {lon:.4f}",
                f"{lat:.6f},{lon:.6f}",
                f"{lon:.5f} {lat:.5f}",
                f"{abs(lat):.4f}° N, {abs(lon):.4f}° E",
                f"lat={lat:.5f}&lon={lon:.5f}",
                f"geo:{lat:.4f},{lon:.4f}",
            ]
        )


# The same in the encodings that hide it from a plain search.
ZERO_WIDTH = "\u200b\u200d\u2060\ufeff\u00ad"
full_width = lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)
percent = lambda text: "".join(f"%{byte:02X}" for byte in text.encode())
DISGUISES = {
    "full-width": full_width,
    "zero-width": lambda text: "".join(c + rng.choice(ZERO_WIDTH) for c in text),
    "percent": percent,
    "percent twice": lambda text: percent(text).replace("%", "%25"),
    "percent thrice": lambda text: percent(text).replace("%", "%2525") if len(text) < 24 else percent(text),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64url in a path": lambda text: f"/u/{base64.urlsafe_b64encode(text.encode()).decode().rstrip('=')}/x",
    "hex": lambda text: text.encode().hex(),
}


def disguised(kinds):
    # What is found without a disguise: Faker has issuers' prefixes that nobody gives out, and some numbers are short.
    phones = [phone for phone in kinds["phone"] if sum(c.isdigit() for c in phone) > 9]
    kinds = kinds | {"card": [card for card in kinds["card"] if card[0] == "4"], "phone": phones}
    for kind in ["email", "phone", "card", "iban", "ip", "ssn"]:
        for name, disguise in DISGUISES.items():
            for value in rng.sample([v for v in kinds[kind] if isinstance(v, str) and len(v) <= 24], 5):
                yield {"kind": kind, "disguise": name, "text": disguise(value)}


def timestamps():
    for _ in range(1000):
        yield str(rng.randrange(1_500_000_000_000, 2_200_000_000_000))


def uuids():
    for at in range(2000):
        value = uuid.UUID(int=rng.getrandbits(128), version=4)
        yield [str(value), str(value).upper(), value.hex, f"id={value}"][at % 4]


def prices():
    for _ in range(500):
        value = rng.choice([rng.uniform(0, 100), rng.uniform(100, 10_000), rng.uniform(1e4, 1e9)])
        text = f"{value:,.2f}"
        swapped = text.translate(str.maketrans(",.", ".,"))
        yield rng.choice(
            [f"${text}", f"€ {swapped}", f"{text.replace(',', ' ')} EUR", f"CHF {text.replace(',', chr(0x2019))}", swapped, f"+{text}", f"{value:.4f}"]
        )


def versions():
    """Not: four numbers below 256 standing alone, which nobody can tell from an address; see `bare`."""
    n = lambda top: rng.randrange(top)
    for _ in range(100):
        yield f"{n(20)}.{n(30)}.{n(50)}"
        yield f"v{n(20)}.{n(30)}.{n(50)}.{n(200)}"
        yield f"{n(20)}.{n(9)}.{n(9)}-beta.{n(20)}+build.{n(9999)}"
        yield f"Chrome/{100 + n(60)}.0.{5000 + n(3000)}.{n(250)}"
        yield f"10.0.{19000 + n(9000)}.{n(5000)}"
        yield f"version {n(20)}.{n(30)}.{n(50)}.{n(200)}"
        yield f"1.{n(20)}.{n(20)}.{n(20)}-rc{n(9)}"
        yield f"{1 + n(20)}.{n(9)}.0.0"


def bare():
    for _ in range(100):
        yield ".".join(str(rng.randrange(1, 30)) for _ in range(4))


def sentences():
    for at in range(700):
        yield fakes[LOCALES[at % len(LOCALES)]].sentence(nb_words=rng.randrange(5, 14))[:250]
    n = rng.randrange
    word = lambda: en.word()
    made = [
        lambda: f"Order {n(10**9, 10**10)} was shipped on 2026-{n(1, 13):02}-{n(1, 29):02}.",
        lambda: f"{n(1, 99)} items for {n(1, 999)}.{n(10, 99)} EUR, {word()} size {n(36, 48)}",
        lambda: f"Meeting at {n(24):02}:{n(60):02}:{n(60):02} in room {n(1, 9)}.{n(100, 400)}",
        lambda: f"2026-11-{n(1, 31):02}T{n(24):02}:{n(60):02}:{n(60):02}.{n(1000):03}+0{n(1, 9)}:00",
        lambda: f"ISBN 978-3-16-{n(100000, 999999)}-{n(10)} {word()}",
        lambda: f"{n(1000)} {n(100, 1000)} {n(100, 1000)} people live there",
        lambda: f"Screen 1920x1080, ratio {n(1, 4)}.{n(1000, 9999)}, load 0.{n(1000, 9999)} 0.{n(1000, 9999)}",
        lambda: f"@{word()} wrote about #{word()} and {n(10, 99)} @ {n(1, 9)}.50",
        lambda: f"MAC {':'.join(f'{n(256):02x}' for _ in range(6))} {word()}",
        lambda: f"from {n(1, 29)}.{n(1, 13)}.2026 to {n(1, 29)}.{n(1, 13)}.2027, {n(1, 99)} %",
        lambda: f"commit {n(16**39, 16**40):x} of {word()}",
        lambda: f"tel. 0{n(100, 999)} {n(10**6, 10**7)} is a {word()} of no country",
        lambda: f"/products/{word()}-{word()}/{n(1000)}?page={n(20)}",
        lambda: f"std::{word()}::{word().title()} at line {n(999)}",
        lambda: f"{word().title()} {word()} {n(1, 10)}/{n(1, 10)}, {n(1, 40)}°C, +{n(1, 99)} % since {n(1990, 2026)}",
        lambda: f"Invoice DE{n(10**8, 10**9)} for {word()}",
    ]
    for at in range(800):
        yield made[at % len(made)]()


kinds = {
    "email": list(emails()),
    "phone": list(phones()),
    "card": list(cards()),
    "iban": list(ibans()),
    "ip": list(ips()),
    "ssn": list(ssns()),
    "jwt": list(jwts()),
    "key": list(keys()),
    "gps": list(places()),
}
clean = {
    "timestamp": list(timestamps()),
    "uuid": list(uuids()),
    "price": list(prices()),
    "version": list(versions()),
    "sentence": list(sentences()),
    "bare four-part version": list(bare()),
}
corpus = {
    "seed": SEED,
    "made_by": "tests/vectors/detectors.py with phonenumbers 9.0.43, python-stdnum 2.2, Faker 40.63.0",
    "personal": {
        kind: [value if isinstance(value, dict) else {"value": value, "text": around(value)} for value in values]
        for kind, values in kinds.items()
    },
    "disguised": list(disguised(kinds)),
    "clean": clean,
}
print(json.dumps(corpus, indent=0, sort_keys=True))
