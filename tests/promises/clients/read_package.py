"""Reads an exchange package without any of our code: read_package.py PACKAGE.zip RESULT.json

Holds every file against the manifest, every document against its schema (jsonschema), and every spectrum against the
numbers of the record (jcamp). Prints one line.
"""

import hashlib
import io
import json
import sys
import zipfile

import jcamp
import jsonschema

archive = zipfile.ZipFile(sys.argv[1])
files = {name: archive.read(name) for name in archive.namelist()}
manifest = json.loads(files["manifest.json"])
listed = {entry["path"]: entry for entry in manifest["files"]}
assert set(listed) | {"manifest.json"} == set(files), "the manifest lists every file"
for path, entry in listed.items():
    assert len(files[path]) == entry["bytes"], path
    assert hashlib.sha256(files[path]).hexdigest() == entry["sha256"], path


def hold(document, schema_name):
    schema = json.loads(files[f"schema/{schema_name}.schema.json"])
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(document)
    return jsonschema.Draft202012Validator(schema)


record = json.loads(files["record.json"])
validator = hold(record, "record")
hold(manifest, "manifest")
with open(sys.argv[2], encoding="utf-8") as file:
    hold(json.load(file), "laboratory-result")
for change in (lambda d: d["record"]["answer"]["verdict"].update(level="safe"), lambda d: d.pop("digest"),
               lambda d: d["record"]["acquisition"].update(light=[]),
               lambda d: d["record"]["subject"].update(kind="sugar"), lambda d: d["record"]["subject"]["spot"].update(number="2"),
               lambda d: d["record"]["time_source"].update(kept_by="sundial"),
               lambda d: d["record"]["time_source"]["gps"].update(ahead_ms=0.5),
               lambda d: d["record"]["last_blank"].update(record=0), lambda d: d["record"]["last_blank"].pop("found")):
    bent = json.loads(files["record.json"])
    change(bent)
    assert not validator.is_valid(bent), "the schema refuses what is not a record"

proof = json.loads(files["proof/proof.json"])
digest = hashlib.sha256(proof["row"].encode()).hexdigest()
assert digest == record["digest"] == manifest["record_digest"]

acquisition = record["record"]["acquisition"]


def close(path, x, y):
    read = jcamp.read(io.StringIO(files[f"spectra/{path}.jdx"].decode()))
    assert len(read["x"]) == len(x), path
    for stored, expected in ((read["x"], x), (read["y"], y)):
        assert all(abs(a - b) <= 1e-6 * max(1.0, abs(b)) for a, b in zip(stored, expected)), path


close("dark", range(len(acquisition["dark"]["counts"])), acquisition["dark"]["counts"])
for number, light in enumerate(acquisition["light"], 1):
    close(f"light-{number}", range(len(light["counts"])), light["counts"])
close("measured", acquisition["spectrum"]["axis_cm1"], acquisition["spectrum"]["intensity"])
compared = jcamp.read(io.StringIO(files["spectra/compared.jdx"].decode()))
assert len(compared["x"]) > 0
assert files["report.pdf"].startswith(b"%PDF-")
print(f"read: {len(files)} files of record {record['id']}")
