"""Writes the spectra of the installed package ramanbiolib as one CSV file each, with a table of labels, into a folder."""

import csv
import importlib.util
import json
import pathlib
import sys

csv.field_size_limit(1 << 26)
tables = pathlib.Path(importlib.util.find_spec("ramanbiolib").origin).parent / "db"
out = pathlib.Path(sys.argv[1])


def rows(name):
    with open(tables / name, newline="", encoding="utf-8") as table:
        yield from csv.DictReader(table)


lasers = {row["id"]: row["laser_wavelength"] for row in rows("metadata_db.csv")}
with open(out / "labels.csv", "w", newline="", encoding="utf-8") as labels:
    label = csv.writer(labels)
    label.writerow(["file", "substance", "laser_nm"])
    for row in rows("raman_spectra_db.csv"):
        name = f"{int(row['id']):03}.csv"
        points = zip(json.loads(row["wavenumbers"]), json.loads(row["intensity"]))
        text = "Raman shift (cm-1),Intensity\n" + "".join(f"{x},{y}\n" for x, y in points)
        (out / name).write_text(text, encoding="utf-8")
        label.writerow([name, row["component"].strip(), lasers[row["id"]]])
