#!/usr/bin/env python3
"""Makes receipts.json: receipts and proofs of one chain, by nothing of Nymtrail's code.

    python3 tests/vectors/receipts.py > tests/vectors/receipts.json     needs PyPI's `cryptography`, for Ed25519 alone
"""
import hashlib
import json
from base64 import b64encode
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

sha = lambda data: hashlib.sha256(data).digest()
b64 = lambda data: b64encode(data).decode()


def root(leaves):  # RFC 9162, section 2.1.1
    if len(leaves) < 2:
        return leaves[0] if leaves else sha(b"")
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return sha(b"\1" + root(leaves[:k]) + root(leaves[k:]))


def path(m, leaves):  # section 2.1.3.1
    if len(leaves) < 2:
        return []
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return path(m, leaves[:k]) + [root(leaves[k:])] if m < k else path(m - k, leaves[k:]) + [root(leaves[:k])]


SEED, NAME, TIME = bytes(range(32)), "shop/collector", 1790000123
key = Ed25519PrivateKey.from_private_bytes(SEED)
public = b"\4" + key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
key_id = sha(NAME.encode() + b"\n" + public)[:4]

rows, leaves, prevs = [], [], []
gprev = prev = hashlib.sha256(b"g1|" + b"11" * 32 + b"|" + b"0" * 64).hexdigest()
for seq in range(21):
    body = '{"n":"view","p":{"a|b":%d,"\\u00e9":"\\"x\\""}}' % seq if seq else '{"dep":"shop","ep":20717,"v":1,"x":"open"}'
    salt, t = "%032x" % (seq * 7919), 1790000000000 + seq * 3
    bc = hashlib.sha256(f"b1|{salt}|{body}".encode()).hexdigest()
    leaf = sha(f"\0e1|{seq}|{t}|{prev}|{bc}".encode())
    chain = rows[0]["chain"] if rows else leaf.hex()
    row = {"body": body, "chain": chain, "gprev": gprev, "link": leaf.hex(), "salt": salt, "seq": seq, "t": t}
    if seq:
        del row["gprev"]
    if seq in (0, 7, 11):  # these are erased: the commitment stays
        del row["body"], row["salt"]
        row["bc"] = bc
    rows.append(row), leaves.append(leaf), prevs.append(bytes.fromhex(prev))
    prev = leaf.hex()


def note(size):
    text = f"shop/{rows[0]['chain']}\n{size}\n{b64(root(leaves[:size]))}\n"
    signature = key.sign(f"cosignature/v1\ntime {TIME + size}\n{text}".encode())
    return f"{text}\n\u2014 {NAME} {b64(key_id + (TIME + size).to_bytes(8, 'big') + signature)}\n"


def proof(seq, size):
    row = rows[seq]
    kept = b"b" + prevs[seq] + bytes.fromhex(row["salt"]) if "salt" in row else b"e" + prevs[seq] + bytes.fromhex(row["bc"])
    extra = kept + f"{row['t']}".encode() + (b"|" + row["body"].encode() if "body" in row else b"")
    hashes = "".join(b64(step) + "\n" for step in path(seq, leaves[:size]))
    return f"c2sp.org/tlog-proof@v1\nextra {b64(extra)}\nindex {seq}\n{hashes}\n{note(size)}"


print(json.dumps({
    "secret": SEED.hex(), "name": NAME, "vkey": f"{NAME}+{key_id.hex()}+{b64(public)}",
    "rows": [json.dumps(row, sort_keys=True, separators=(",", ":")) for row in rows],
    "notes": [{"size": size, "time": TIME + size, "root": root(leaves[:size]).hex(), "note": note(size)} for size in range(1, 22)],
    "proofs": [{"seq": seq, "size": size, "file": proof(seq, size)} for size in (1, 2, 7, 8, 16, 21) for seq in range(size)],
}, indent=1))
