#!/usr/bin/env python3
"""The verifier of docs/FORMAT.md once more, from that page alone and with nothing but SHA-256, run on verify.json."""
import hashlib
import json
import pathlib
import re


def sha(*parts):
    return hashlib.sha256(b"".join(part.encode() if isinstance(part, str) else part for part in parts)).hexdigest()


def commitment(row):
    if "body" not in row:
        return row.get("bc")
    # The separator is what keeps salt and body apart, so a salt of another form would let them be moved.
    if not re.fullmatch("[0-9a-f]{32}", row.get("salt", "")):
        return None
    return sha("b1|", row["salt"], "|", row["body"])


def judge(rows):
    """`(verdict, class, first_bad)` of the rows of one chain."""
    whole = {}
    for row in rows:  # exact duplicates and erased copies are retries
        place = (row["seq"], row["link"], row["t"], commitment(row))
        if place not in whole or "body" in row:
            whole[place] = row
    before = None
    for row in sorted(whole.values(), key=lambda row: (row["seq"], row["link"])):
        prev = before["link"] if before else row.get("gprev")
        link = sha(b"\0", f"e1|{row['seq']}|{row['t']}|{prev}|{commitment(row)}")
        if before is None and (row["seq"] != 0 or row["link"] != row["chain"]):
            return "tampered", "no_genesis", row["seq"]
        if before and row["seq"] > before["seq"] + 1:
            return "tampered", "gap", row["seq"]
        if before and row["seq"] == before["seq"]:
            return "tampered", "fork", row["seq"]
        if link != row["link"]:
            # Of two rows in one place either may come first; then it is the place that is forked.
            twice = sum(other["seq"] == row["seq"] for other in whole.values()) > 1
            return "tampered", "fork" if twice else "bad_link", row["seq"]
        if before and row["t"] < before["t"]:
            return "tampered", "time_back", row["seq"]
        before = row
    return "holds", None, None


checked = 0
for case in json.loads((pathlib.Path(__file__).parent / "verify.json").read_text()):
    if "error" in case["says"] or "of" in case:
        continue  # how text is read is the program's own affair; what was signed is signed.py's
    chains = {}
    for line in filter(str.strip, case["text"].splitlines()):
        row = json.loads(line)
        chains.setdefault(row["chain"], []).append(row)
    for said in case["says"]["chains"]:
        expected = (said["verdict"], said["class"], said["first_bad"])
        assert judge(chains.pop(said["chain"])) == expected, (case["name"], expected)
        checked += 1
    assert not chains, case["name"]
print(f"{checked} chains judged alike")
