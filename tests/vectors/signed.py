#!/usr/bin/env python3
"""Makes signed.json: what devices, the collector and the operator sign, erasures and openings, by nothing of Nymtrail's code.

    python3 tests/vectors/signed.py > tests/vectors/signed.json     needs PyPI's `cryptography`, for signatures alone
"""
import hashlib
import json
from base64 import b64encode
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

sha = lambda data: hashlib.sha256(data).digest()
hexsha = lambda text: hashlib.sha256(text.encode()).hexdigest()
b64 = lambda data: b64encode(data).decode()
canonical = lambda value: json.dumps(value, sort_keys=True, separators=(",", ":"))
T, ZEROS = 1790000000000, "0" * 64


def root(leaves):  # RFC 9162, section 2.1.1
    if len(leaves) < 2:
        return leaves[0] if leaves else sha(b"")
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return sha(b"\1" + root(leaves[:k]) + root(leaves[k:]))


class Ed25519:
    alg = "Ed25519"

    def __init__(self, seed):
        self.key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.pk = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.sign = self.key.sign

    def id(self, name, kind=1):
        return sha(name.encode() + b"\n" + bytes([kind]) + self.pk)[:4]


class ES256:
    alg = "ES256"

    def __init__(self, seed):
        self.key = derive_private_key(int.from_bytes(bytes([seed]) * 32), SECP256R1())
        self.pk = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.spki = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, data):
        return self.key.sign(data, ECDSA(SHA256(), deterministic_signing=True))

    def id(self, name):
        return sha(self.spki)[:4]


COLLECTOR, NAME = Ed25519(7), "shop/collector"
VKEY = f"{NAME}+{COLLECTOR.id(NAME, 4).hex()}+{b64(bytes([4]) + COLLECTOR.pk)}"


def link(rows, row, prev):
    row["seq"] = len(rows)
    bc = row.get("bc") or hexsha(f"b1|{row['salt']}|{row['body']}")
    row["link"] = sha(f"\0e1|{row['seq']}|{row['t']}|{prev}|{bc}".encode()).hex()
    row["chain"] = rows[0]["chain"] if rows else row["link"]
    rows.append(row)


def chain(device, n, bodies, blind="11" * 32, head=ZEROS, opening="open"):
    first = {"dep": "shop", "v": 1, "x": opening} | ({"alg": device.alg, "pk": device.pk.hex()} if device else {})
    rows, prev = [], hexsha(f"g1|{blind}|{head}")
    for at, body in enumerate([canonical(first)] + bodies):
        row = {"body": body, "salt": "%032x" % (n * 1000 + at), "t": T + n * 1000 + at}
        link(rows, row | ({} if at else {"gprev": prev}), prev)
        prev = rows[-1]["link"]
    return rows


views = lambda n: [canonical({"n": f"view {at}"}) for at in range(n)]
erase = lambda row: {k: v for k, v in row.items() if k not in ("body", "salt")} | {
    "bc": hexsha(f"b1|{row['salt']}|{row['body']}")
}
erased = lambda rows, *places: [erase(row) if at in places else row for at, row in enumerate(rows)]


def rewritten(rows, at):
    new = [dict(row) for row in rows[:at]]
    for row in rows[at:]:
        link(new, {"body": '{"n":"other"}', "salt": row["salt"], "t": row["t"]}, new[-1]["link"])
    return new


def text_of(rows, size):
    return f"shop/{rows[0]['chain']}\n{size}\n{b64(root([bytes.fromhex(row['link']) for row in rows[:size]]))}\n"


def note(device, rows, size=None, change=lambda signature: signature):
    text = text_of(rows, size or len(rows))
    name = text.split("\n")[0]
    return f"{text}\n\u2014 {name} {b64(device.id(name) + change(device.sign(text.encode())))}\n"


def receipt(rows, size=None, key=COLLECTOR):
    text, time = text_of(rows, size or len(rows)), 1790000123
    signature = key.sign(f"cosignature/v1\ntime {time}\n{text}".encode())
    return f"{text}\n\u2014 {NAME} {b64(key.id(NAME, 4) + time.to_bytes(8, 'big') + signature)}\n"


def flipped(signature):
    return signature[:-1] + bytes([signature[-1] ^ 1])


def fixed(der):  # as WebCrypto has it, and JWS; a note has DER
    return b"".join(number.to_bytes(32, "big") for number in decode_dss_signature(der))


def padded(der):  # BER, but no DER: a zero too many before the first number
    return b"\x30" + bytes([der[1] + 1]) + b"\x02" + bytes([der[3] + 1]) + b"\0" + der[4:]


def malleated(der):  # the other signature that everybody can make of one: it is as good
    r, s = decode_dss_signature(der)
    return encode_dss_signature(r, 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551 - s)


def operator(records, key=COLLECTOR):
    """Each record is of one row, or of all from one to another: a pair."""
    places = lambda seq: {"seq": seq} if isinstance(seq, int) else dict(zip(("seq", "to"), seq))
    bodies = [canonical({"chain": rows[0]["chain"], "why": why, "x": "erase"} | places(seq)) for rows, seq, why in records]
    return chain(key, 90, bodies, opening="operator")


CASES = []


def case(name, rows, receipts=(), openings=(), keys=(VKEY,), **says):
    text = "".join(canonical(row) + "\n" for row in rows)
    beside = {"keys": list(keys), "receipts": "\n".join(receipts), "openings": [canonical(one) for one in openings]}
    CASES.append({"name": name, "text": text, **beside, "expected": says})


for device in (Ed25519(1), ES256(2)):
    alg, rows, other = device.alg, chain(device, device.pk[5], views(6)), chain(device, 80, views(3))
    signed = [note(device, rows, 3), note(device, rows)]
    gone = {"verdict": "unchecked", "level": "chained", "unchecked": 1}
    case(f"{alg}: signed", rows, signed, verdict="holds", level="signed")
    case(f"{alg}: signed, in any order", rows[::-1], signed, verdict="holds", level="signed")
    case(f"{alg}: receipted", rows, signed + [receipt(rows)], verdict="holds", level="receipted", signed=True)
    case(f"{alg}: longer than signed", rows, signed[:1], verdict="holds", level="chained")
    case(f"{alg}: tail dropped", rows[:4], signed, verdict="truncated", level="chained")
    case(f"{alg}: rewritten", rewritten(rows, 4), signed, verdict="rewritten", level="chained")
    case(f"{alg}: two heads", rewritten(rows, 4), signed + [note(device, rewritten(rows, 4))], verdict="forked")
    case(f"{alg}: signature changed", rows, [note(device, rows, change=flipped)], verdict="forged")
    case(f"{alg}: another chain's note", rows, [note(device, other).replace(other[0]["chain"], rows[0]["chain"])],
         verdict="unchecked" if alg == "Ed25519" else "forged")
    case(f"{alg}: the first row erased", erased(rows, 0), signed[1:], **gone)
    case(f"{alg}: a foreign key's note", rows, [note(Ed25519(3), rows)], **gone)
    case(f"{alg}: chain gone, its note is left", other, [note(device, rows)], **gone)
    case(f"{alg}: chain gone, its receipt is left", other, [receipt(rows)], verdict="dropped")
rows, device = chain(ES256(4), 40, views(2)), ES256(4)
case("ES256: the fixed form of signatures", rows, [note(device, rows, change=fixed)], verdict="forged")
case("ES256: a signature that is no DER", rows, [note(device, rows, change=padded)], verdict="forged")
case("ES256: a signature cut off", rows, [note(device, rows, change=lambda der: der[:-1])], verdict="forged")
case("ES256: the other half of the numbers", rows, [note(device, rows, change=malleated)], verdict="holds", level="signed")
point = dict(json.loads(rows[0]["body"]), pk="04" + "11" * 64)
off, odd = [], ES256(4)
link(off, {"body": canonical(point), "salt": "0" * 32, "t": T, "gprev": ZEROS}, ZEROS)
odd.spki = odd.spki[:26] + bytes.fromhex(point["pk"])
case("ES256: a point that is not on the curve", off, [note(odd, off)], verdict="forged")
case("a receipt by another key", rows, [receipt(rows, key=Ed25519(5))], verdict="unchecked", unchecked=1)
case("a receipt, and no key to check it", rows, [receipt(rows)], keys=(), verdict="unchecked", unchecked=1)

device = Ed25519(6)
rows, plain = chain(device, 60, views(6)), chain(device, 61, views(2))
log = operator([(rows, 2, "art17"), (rows, 4, "retention")])
logged = [note(COLLECTOR, log), receipt(log), note(device, rows), receipt(rows)]
why = {"logged": 2, "unproven": 0, "not_erased": 0, "unchecked": 0, "why": ["art17", "retention"]}
case("erased and logged", erased(rows, 2, 4) + log, logged, verdict="holds", level="receipted", erasures=why)
case("erased without a record", erased(rows, 2, 3, 4) + log, logged, verdict="unproven",
     erasures=why | {"unproven": 1, "first_unproven": 3})
case("logged, and still here", erased(rows, 2) + log, logged, verdict="not_erased",
     erasures=why | {"logged": 1, "not_erased": 1, "first_not_erased": 4, "why": ["art17"]})
half = [dict(row, salt="%032x" % 1) if "bc" in row else row for row in erased(rows, 2, 4)]
case("half erased", half + log, logged, verdict="half_erased", erasures=why)
none = {"logged": 0, "unproven": 0, "unchecked": 2, "not_erased": 0, "why": []}
case("a log that nobody signed", erased(rows, 2, 4) + log, logged[2:], verdict="holds", erasures=none)
foreign = operator([(rows, 2, "art17"), (rows, 4, "retention")], Ed25519(8))
case("a log by another key", erased(rows, 2, 4) + foreign, [note(Ed25519(8), foreign)] + logged[2:], verdict="holds",
     level="signed", erasures=none)
case("a log without its last record", erased(rows, 2, 4) + log[:2], logged, verdict="truncated", erasures=none)

spans = operator([(rows, (1, 4), "retention"), (rows, 3, "art17"), (rows, (3, 5), "device")])
spanned = [note(COLLECTOR, spans), receipt(spans)]
why = {"logged": 5, "unproven": 0, "not_erased": 0, "unchecked": 0, "why": ["device", "retention"]}
case("erased and logged as ranges", erased(rows, 1, 2, 3, 4, 5) + spans, spanned, verdict="holds", erasures=why)
case("a row beside a range", erased(rows, 1, 2, 3, 4, 5, 6) + spans, spanned, verdict="unproven",
     erasures=why | {"unproven": 1, "first_unproven": 6})
case("a row of a range is still here", erased(rows, 1, 2, 4, 5) + spans, spanned, verdict="not_erased",
     erasures=why | {"logged": 4, "not_erased": 1, "first_not_erased": 3})

blind, r, device = "5a" * 32, "6b" * 32, ES256(9)
nx = lambda pk: hexsha(f"n1|{r}|{hexsha(pk)}")
old = chain(Ed25519(10), 70, views(2) + [canonical({"nx": nx(device.pk.hex()), "x": "close"})])
new = chain(device, 71, views(2), blind, old[-1]["link"])
opening = {"v": 1, "old": old[0]["chain"], "new": new[0]["chain"], "blind": blind, "r": r, "pk": device.pk.hex()}
without = lambda *names: {name: value for name, value in opening.items() if name not in names}


def continuity(name, opening, verdict, back, forth, rows=old + new):
    word = "broken" if "broken" in (back, forth) else "holds" if back == forth == "holds" else "unchecked"
    case(name, rows, openings=[opening], keys=(), verdict=verdict,
         continuity=[{"back": back, "forth": forth, "verdict": word, "old": opening["old"], "new": opening["new"]}])


continuity("an opening", opening, "holds", "holds", "holds")
continuity("an opening, rows in any order", opening, "holds", "holds", "holds", (old + new)[::-1])
continuity("an opening with another blind", opening | {"blind": r}, "discontinuous", "broken", "holds")
continuity("an opening with another r", opening | {"r": blind}, "discontinuous", "holds", "broken")
continuity("an opening with another key", opening | {"pk": "07" * 32}, "discontinuous", "holds", "broken")
continuity("an opening without its secrets", without("blind", "r"), "unchecked", "unchecked", "unchecked")
continuity("an opening of one side", without("r"), "unchecked", "holds", "unchecked")
continuity("an opening whose old chain lost its end", opening, "discontinuous", "broken", "unchecked", old[:-1] + new)
continuity("an opening whose new chain is not here", opening, "unchecked", "unchecked", "unchecked", old)
continuity("an opening of a chain that was changed", opening, "tampered", "unchecked", "unchecked",
           old[:1] + [dict(old[1], body="{}")] + old[2:] + new)

broken = note(Ed25519(10), old).replace("\n\n", "\n")
case("receipts that are none", old, [receipt(old), broken], error={"code": "malformed_receipt", "line": 11})
case("a receipt cut off", old, [receipt(old)[:-60]], error={"code": "malformed_receipt", "line": 6})
case("a key that is none", old, keys=[VKEY[:-4] + "AAA="], error={"code": "malformed_key", "line": None})
case("an opening that is none", old, openings=[{"v": 2}], error={"code": "malformed_opening", "line": None})

seen = []
for device in (Ed25519(1), ES256(2)):
    rows = chain(device, device.pk[5], views(6))
    text = text_of(rows, 7)
    seen.append({"alg": device.alg, "pk": device.pk.hex(), "id": device.id(text.split("\n")[0]).hex(), "text": text,
                 "signature": device.sign(text.encode()).hex(), "note": note(device, rows)})
print(json.dumps({"notes": seen, "vkey": VKEY, "nx": {"r": r, "pk": ES256(9).pk.hex(), "nx": nx(ES256(9).pk.hex())},
                  "cases": CASES}, indent=1))
