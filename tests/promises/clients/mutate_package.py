"""Bends every member of an exchange package in many ways and expects that none is accepted.

usage: mutate_package.py PACKAGE.zip VERIFIER-KEY COUNT

Each member is bent COUNT times as it is, and what record, parts, proofs and files say once more with a manifest made anew to
fit, as a forger would. Prints how many were rejected; exits 1 when one was accepted or the unchanged package was not.
"""

import hashlib
import json
import random
import struct
import sys
import zipfile

import verify_proof

REFUSED = (verify_proof.Bad, KeyError, ValueError, IndexError, TypeError, AttributeError, struct.error, RecursionError)
# Whoever makes the manifest anew can bend these: they are made from what is proven, and the verifier says so.
UNPROVEN = ("report.pdf", "README.txt", "spectra/", "schema/", "proof/verify_proof.py", "manifest.json")


def bent(data: bytes) -> bytes:
    at, kind = random.randrange(len(data)), random.randrange(3)
    if kind == 0:
        return data[:at] + data[at + 1:]
    if kind == 1:
        return data[:at] + random.choice(b"0Aa/+= \n").to_bytes(1, "big") + data[at:]
    return data[:at] + bytes([data[at] ^ (1 << random.randrange(8))]) + data[at + 1:]


def with_manifest(files: dict) -> dict:
    manifest = json.loads(files["manifest.json"])
    for entry in manifest["files"]:
        data = files[entry["path"]]
        entry["bytes"], entry["sha256"] = len(data), hashlib.sha256(data).hexdigest()
    return {**files, "manifest.json": json.dumps(manifest, indent=2, ensure_ascii=False).encode() + b"\n"}


def meaning(name: str, data: bytes):
    """What a document says; a blank more or less, or another way to write a character, says the same."""
    if name == "record.json":
        try:
            return verify_proof.loads(data)
        except REFUSED:
            return None
    return data


def main() -> int:
    key, count = sys.argv[2], int(sys.argv[3])
    with zipfile.ZipFile(sys.argv[1]) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    print(verify_proof.verify_package(files, key)[0])
    random.seed(20_261)
    refused = forged = 0
    for name, data in files.items():
        proven = not name.startswith(UNPROVEN)
        said = repr(meaning(name, data))
        for number in range(count * (2 if proven else 1)):
            other = bent(data)
            if other == data or (number >= count and repr(meaning(name, other)) == said):
                continue
            changed = {**files, name: other}
            if number >= count:
                changed = with_manifest(changed)
            try:
                verify_proof.verify_package(changed, key)
                print(f"accepted: {name}, mutation {number}")
                return 1
            except REFUSED:
                refused += number < count
                forged += number >= count
    # Whole members left out, or put in.
    for name in files:
        left = {other: data for other, data in files.items() if other != name}
        try:
            verify_proof.verify_package(left, key)
            print(f"accepted without {name}")
            return 1
        except REFUSED:
            refused += 1
    print(f"{len(files)} members: {refused} changed ones rejected, {forged} with a manifest that fits")
    return 0


if __name__ == "__main__":
    sys.exit(main())
