"""Checks the proof of one record without any of our code.

usage: verify_proof.py PROOF.json VERIFIER-KEY

PROOF.json is what `parcelscope --json casebook proof ID` prints; the key is the line of `casebook key`, noted elsewhere.
Needs Python 3.9 and the package `cryptography`. Prints one line; exits 0 when everything fits, 1 when something does not.
"""

import base64
import hashlib
import json
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Bad(Exception):
    """Something does not fit."""


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def decode(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Bad(f"not base64: {error}") from error
    if base64.b64encode(data).decode() != text:
        raise Bad("base64 in another than its only form")
    return data


def open_note(note: str, key_text: str) -> str:
    """The text of a C2SP signed note that carries a signature of the key."""
    parts = key_text.strip().split("+", 2)
    if len(parts) != 3:
        raise Bad("the key has no three parts")
    name, number, key = parts[0], parts[1], decode(parts[2])
    if len(key) != 33 or key[0] != 1:
        raise Bad("the key is not an Ed25519 key")
    if sha256(name.encode() + b"\n" + key)[:4].hex() != number:
        raise Bad("name and key do not belong together")
    text, blank, signatures = note.rpartition("\n\n")
    if not blank or not signatures.endswith("\n"):
        raise Bad("the checkpoint is not a signed note")
    text += "\n"
    for line in signatures.splitlines():
        fields = line.split(" ")
        if len(fields) != 3 or fields[0] != "\u2014":
            raise Bad("a signature line has another form")
        signature = decode(fields[2])
        if fields[1] == name and signature[:4].hex() == number:
            try:
                Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[4:], text.encode())
            except InvalidSignature as error:
                raise Bad("the signature does not fit the checkpoint") from error
            return text
    raise Bad("the checkpoint is not signed with this key")


def root_from_path(leaf: bytes, index: int, size: int, path: list) -> bytes:
    """RFC 9162, section 2.1.3.2."""
    if index >= size:
        raise Bad("the index is beyond the log")
    at, last, value = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise Bad("the path is too long")
        if at & 1 or at == last:
            value = sha256(b"\x01" + sibling + value)
            while not at & 1 and at:
                at >>= 1
                last >>= 1
        else:
            value = sha256(b"\x01" + value + sibling)
        at >>= 1
        last >>= 1
    if last:
        raise Bad("the path is too short")
    return value


def verify(document: dict, key_text: str) -> str:
    head, blank, checkpoint = document["proof"].partition("\n\n")
    lines = head.split("\n")
    if not blank or len(lines) < 3 or lines[0] != "c2sp.org/tlog-proof@v1":
        raise Bad("this is not a tlog-proof")
    if not lines[1].startswith("extra ") or not lines[2].startswith("index "):
        raise Bad("extra data or index is missing")
    entry = decode(lines[1][len("extra "):])
    index_text = lines[2][len("index "):]
    if not index_text.isdigit() or str(int(index_text)) != index_text:
        raise Bad("the index is not a number")
    index = int(index_text)
    path = [decode(line) for line in lines[3:]]
    if any(len(node) != 32 for node in path):
        raise Bad("a hash of the path has another length")
    text = open_note(checkpoint, key_text)
    stated = text.split("\n")
    if stated[0] != key_text.split("+", 1)[0] or not stated[1].isdigit():
        raise Bad("the checkpoint is of another log")
    size, root = int(stated[1]), decode(stated[2])
    if root_from_path(sha256(b"\x00" + entry), index, size, path) != root:
        raise Bad("the entry is not in the log that was signed")
    if entry.decode() != document["entry"]:
        raise Bad("the entry beside the proof is another one")
    fields = dict(line.split(" ", 1) for line in entry.decode().splitlines()[1:])
    if fields["content"] != sha256(document["row"].encode()).hex():
        raise Bad("the row is not the one of the entry")
    if int(fields["seq"]) != index + 1:
        raise Bad("the entry has another number")
    row = dict(json.loads(document["row"]))
    if str(row["id"]) != fields["row"] or str(row["seq"]) != fields["seq"]:
        raise Bad("the row has another number")
    return f"record {row['id']} of {row['taken_at']}: {row['headline']}; entry {fields['seq']} of {size}"


def main() -> int:
    try:
        with open(sys.argv[1], encoding="utf-8") as file:
            document = json.load(file)
        print("verified: " + verify(document, sys.argv[2]))
        return 0
    except (Bad, KeyError, ValueError, IndexError) as error:
        print(f"NOT verified: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
