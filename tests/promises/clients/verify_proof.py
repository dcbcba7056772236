"""Checks an exchange package, or the proof of one row, without any of our code.

usage: verify_proof.py PACKAGE.zip|FOLDER KEY     a whole package, packed or unpacked
       verify_proof.py PROOF.json KEY             one row

KEY is the line of `casebook key`, noted elsewhere. PROOF.json is what `parcelscope --json casebook proof ID` prints, or a
file of the folder `proof` of a package. Needs Python 3.9 and the package `cryptography`. Prints what was verified and what
is not covered by a proof; exits 0 when everything fits, 1 when something does not.

What hangs on what: KEY signed the checkpoint; the checkpoint states the root of the log; the root proves the row of the
record and the row of each event. The record's row states the SHA-256 of the five files in `parts`; record.json must say what
row, parts and events say, value by value; an event states the SHA-256 of a file in `files`. Everything else is held against
manifest.json only.
"""

import base64
import hashlib
import json
import os
import struct
import sys
import zipfile

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


def prove(document: dict, key_text: str, table: str) -> tuple:
    """The proven row of a proof, the size of the log, and the checkpoint."""
    if set(document) != {"row", "entry", "proof", "verifier"} or document["verifier"] != key_text.strip():
        raise Bad("the key beside the proof is another one, or something is beside it that is not a proof's")
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
    if fields["table"] != table:
        raise Bad(f"the entry is of the table {fields['table']} and not of {table}")
    row = dict(loads(document["row"]))
    if str(row["id"]) != fields["row"] or str(row["seq"]) != fields["seq"]:
        raise Bad("the row has another number")
    return row, size, checkpoint


def verify(document: dict, key_text: str) -> str:
    """The proof of one row, of a record or of an event."""
    table = document["entry"].split("\ntable ", 1)[1].split("\n", 1)[0]
    if table not in ("scan", "event"):
        raise Bad("the row is of no table that a package proves")
    row, size, _ = prove(document, key_text, table)
    if table == "scan":
        return f"record {row['id']} of {row['taken_at']}: {row['headline']}; entry {row['seq']} of {size}"
    return f"event {row['id']} of {row['at']}: {row['kind']} by {row['operator']}; entry {row['seq']} of {size}"


def once(pairs: list) -> dict:
    if len({name for name, _ in pairs}) != len(pairs):
        raise Bad("a name stands twice in one JSON object")
    return dict(pairs)


def loads(data):
    return json.loads(data, object_pairs_hook=once)


def canonical(name: str, data: bytes) -> dict:
    """A document that can be written in one way only, so that no byte of it can be another one."""
    document = loads(data)
    if json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n" != data:
        raise Bad(f"{name} is not written as the program writes it")
    return document


# Fields that came later than the first records; a record from before has them in record.json only, saying nothing.
LATER = {
    "correction", "check", "dark_source", "changed_during_scan", "change_share", "interpolated_pixels", "hot_pixels",
    "cosmic_hits", "detector", "cooler", "auto_exposure", "nonlinearity_coefficients", "bad_pixels",
    "electric_dark_pixels", "not_in_library", "alternatives",
}


def is_empty(value) -> bool:
    """What a program of today says where the program that wrote the record did not know the field."""
    if isinstance(value, dict):
        return value in ({"state": "never"}, {"source": "fresh"}) or all(is_empty(item) for item in value.values())
    return value is None or value in (0, "", [])


def same(stated, proven, where: str):
    """Raises where two values differ, be it in the type of a number."""
    if isinstance(proven, dict) and isinstance(stated, dict):
        for name in proven:
            if name not in stated:
                raise Bad(f"{where}.{name} is missing")
            same(stated[name], proven[name], f"{where}.{name}")
        for name in stated:
            if name not in proven and not (name in LATER and is_empty(stated[name])):
                raise Bad(f"{where}.{name} is in nothing that is proven")
    elif isinstance(proven, list) and isinstance(stated, list):
        if len(stated) != len(proven):
            raise Bad(f"{where} has another length")
        for at, (one, other) in enumerate(zip(stated, proven)):
            same(one, other, f"{where}[{at}]")
    elif type(stated) is not type(proven) or repr(stated) != repr(proven):
        raise Bad(f"{where} is {str(stated)[:80]!r}, proven is {str(proven)[:80]!r}")


def numbers(data: bytes, letter: str, size: int) -> list:
    if len(data) % size:
        raise Bad("a part is no whole number of values")
    return list(struct.unpack(f"<{len(data) // size}{letter}", data))


def record_from(row: dict, parts: dict, stated: dict) -> dict:
    """The record as row and parts give it. Of what the parts leave out where it says nothing, only what is stated."""
    settings = loads(parts["settings"])
    dark = numbers(parts["dark_counts"], "I", 4)
    light = numbers(parts["light_counts"], "I", 4)
    floats = numbers(parts["spectrum"], "d", 8)

    def exposure(said: dict, counts: list) -> dict:
        said = dict(said)
        pixels = said.pop("pixels")
        said["counts"] = counts[:pixels]
        if len(said["counts"]) != pixels:
            raise Bad("an exposure has fewer counts than it should")
        del counts[:pixels]
        return said

    spectrum = dict(settings.pop("spectrum"))
    points, has_noise = spectrum.pop("points"), spectrum.pop("has_noise")
    if len(floats) != points * (3 if has_noise else 2):
        raise Bad("the spectrum has another length")
    spectrum["axis_cm1"], spectrum["intensity"] = floats[:points], floats[points:2 * points]
    spectrum["noise_sd"] = floats[2 * points:] if has_noise else None
    acquisition = {
        **{name: settings[name] for name in
           ("spectrometer", "laser", "excitation_nm", "wavelength_coefficients_nm", "simulated")},
        "dark": exposure(settings.pop("dark"), dark),
        "light": [exposure(said, light) for said in settings.pop("light")],
        "spectrum": spectrum,
        "conditions": settings.get("conditions", {}),
    }
    if dark or light:
        raise Bad("there are counts of no exposure")
    seconds, _, fraction = row["taken_at"].rstrip("Z").partition(".")
    fraction = fraction.rstrip("0")
    record = {
        "taken_at": seconds + ("." + fraction if fraction else "") + "Z",
        "operator": row["operator"],
        "parcel": row["parcel"],
        "emulated_sample": row["emulated_sample"],
        "program_version": row["program_version"],
        "acquisition": acquisition,
        "answer": loads(parts["answer"]),
    }
    left_out = {"standing": None, "subject": {"kind": "sample", "spot": None}, "time_source": None, "last_blank": None}
    record.update((name, settings.get(name, usual)) for name, usual in left_out.items() if name in settings or name in stated)
    return record


PARTS = {"settings": "json", "answer": "json", "dark_counts": "u32le", "light_counts": "u32le", "spectrum": "f64le"}


def members(path: str) -> dict:
    """Every file of a package, packed or unpacked, by its name."""
    if os.path.isdir(path):
        found = {}
        for folder, _, names in os.walk(path):
            for name in names:
                full = os.path.join(folder, name)
                with open(full, "rb") as file:
                    found[os.path.relpath(full, path).replace(os.sep, "/")] = file.read()
        return found
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if len(set(names)) != len(names):
            raise Bad("a name stands twice in the archive")
        return {name: archive.read(name) for name in names}


def verify_package(files: dict, key_text: str) -> list:
    """What the package proves, as lines."""
    manifest = canonical("manifest.json", files["manifest.json"])
    if set(manifest) != {"format", "record", "record_digest", "simulated", "files"}:
        raise Bad("the manifest says something else than it should")
    if manifest["format"] != "parcelscope-package/1":
        raise Bad("this is no package of this kind")
    listed = {entry["path"]: entry for entry in manifest["files"]}
    if len(listed) != len(manifest["files"]) or set(listed) | {"manifest.json"} != set(files):
        raise Bad("the manifest lists other files than there are")
    for name, entry in listed.items():
        if entry != {"path": name, "bytes": len(files[name]), "sha256": sha256(files[name]).hex()}:
            raise Bad(f"{name} is not the file of the manifest")

    proof = canonical("proof/proof.json", files["proof/proof.json"])
    row, size, checkpoint = prove(proof, key_text, "scan")
    digest = sha256(proof["row"].encode()).hex()
    same(manifest["record"], row["id"], "manifest.record")
    same(manifest["record_digest"], digest, "manifest.record_digest")
    same(manifest["simulated"], bool(row["simulated"]), "manifest.simulated")

    parts = {name: files[f"parts/{name}.{ending}"] for name, ending in PARTS.items()}
    for name, data in parts.items():
        if sha256(data).hex() != row[f"{name}_sha256"]:
            raise Bad(f"the part {name} is not the one of the record")
    record = loads(files["record.json"])
    if set(record) != {"format", "id", "digest", "record", "history"} or record["format"] != "parcelscope-record/1":
        raise Bad("record.json is no record of this kind")
    same(record["id"], row["id"], "record.json: id")
    same(record["digest"], digest, "record.json: digest")
    same(record["record"], record_from(row, parts, record["record"]), "record.json: record")
    for name in ("level", "rule", "headline"):
        same(record["record"]["answer"]["verdict"][name], row[name], f"record.json: {name}")

    stated = {}
    events = []
    for event in record["history"]:
        name = f"proof/event-{event['id']}.json"
        if name not in files:
            raise Bad(f"there is no proof of event {event['id']}")
        said, _, its_checkpoint = prove(canonical(name, files[name]), key_text, "event")
        if its_checkpoint != checkpoint:
            raise Bad("an event is proven against another checkpoint")
        if said.pop("scan_id") != row["id"]:
            raise Bad(f"event {event['id']} is about another record")
        said["body"] = loads(said["body"])
        same(event, said, f"record.json: event {event['id']}")
        if said["kind"] == "file" and isinstance(said["body"], dict) and "sha256" in said["body"]:
            stated[said["body"]["sha256"]] = said["body"]
        events.append(event["id"])
    if events != sorted(set(events)):
        raise Bad("the history is in another order")
    proofs = {f"proof/event-{number}.json" for number in events} | {"proof/proof.json", "proof/verify_proof.py"}
    if {name for name in files if name.startswith("proof/")} != proofs:
        raise Bad("there are proofs of events that are not in the history")
    if {name for name in files if name.startswith("parts/")} != {f"parts/{n}.{e}" for n, e in PARTS.items()}:
        raise Bad("there are parts that no record has")

    attached = [name for name in files if name.startswith("files/")]
    for name in attached:
        digest = name[len("files/"):].split(".")[0]
        if digest not in stated or sha256(files[name]).hex() != digest or len(files[name]) != stated[digest]["bytes"]:
            raise Bad(f"{name} is not a file that the history states")
    absent = [body["name"] for digest, body in stated.items() if not any(digest in name for name in attached)]

    lines = [f"record {row['id']} of {row['taken_at']}: {row['headline']}; entry {row['seq']} of {size}; "
             f"5 parts, {len(events)} events and {len(attached)} files"]
    lines += [f"not in the package: the file {name}, which the history states" for name in absent]
    lines.append("not covered by a proof: report.pdf, spectra, schema and README.txt (made from the record; held against the "
                 "manifest only), and whether there are more events about the record")
    return lines


def main() -> int:
    try:
        path, key = sys.argv[1], sys.argv[2]
        if os.path.isdir(path) or zipfile.is_zipfile(path):
            lines = verify_package(members(path), key)
        else:
            with open(path, encoding="utf-8") as file:
                lines = [verify(loads(file.read()), key)]
        print("verified: " + "\n".join(lines))
        return 0
    except (Bad, KeyError, ValueError, IndexError, TypeError, AttributeError, struct.error, zipfile.BadZipFile,
            RecursionError) as error:
        print(f"NOT verified: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
