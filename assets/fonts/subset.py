"""Cuts the fonts of the window out of Inter: subset.py FOLDER_WITH_INTER OUTPUT_FOLDER (needs fonttools)."""

import sys

from fontTools import subset
from fontTools.ttLib import TTFont

RANGES = """0020-007E 00A0-0148 014A-017F 0192 01CD-01DC 0218-021B 02C6-02DD 0370-03FF 0400-045F 0490-0491 2010-2015
2018-201E 2020-2022 2026 2030 2032 2033 2039 203A 2044 2070-208E 20AC 2116 2122 2126 2190-2193 2212 221A 221E 2248
2260 2264 2265 25A1 25B2 25B6 25BC 25C0 25CF 2713 21B5""".split()
CODE_POINTS = [c for r in RANGES for c in range(int(r[:4], 16), int(r[-4:], 16) + 1)]


def tabular_digits(font):
    """Glyph names of the digits of equal width, by the name of the proportional digit."""
    pairs = {}
    table = font["GSUB"].table
    for record in table.FeatureList.FeatureRecord:
        if record.FeatureTag == "tnum":
            for index in record.Feature.LookupListIndex:
                for part in table.LookupList.Lookup[index].SubTable:
                    pairs.update(getattr(getattr(part, "ExtSubTable", part), "mapping", {}))
    return pairs


for weight in ("Regular", "SemiBold"):
    font = TTFont(f"{sys.argv[1]}/Inter-{weight}.otf")
    pairs = tabular_digits(font)
    for table in font["cmap"].tables:
        if table.isUnicode():
            for digit in range(0x30, 0x3A):
                table.cmap[digit] = pairs.get(table.cmap[digit], table.cmap[digit])
    options = subset.Options()
    options.layout_features = ["kern", "ccmp", "mark", "mkmk", "locl"]
    options.hinting = False
    options.desubroutinize = True
    options.name_IDs = ["*"]
    options.notdef_outline = True
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=CODE_POINTS)
    cutter.subset(font)
    font.save(f"{sys.argv[2]}/Inter-{weight}-subset.otf")
