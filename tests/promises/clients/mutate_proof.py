"""Bends a proof in many ways and expects that none is accepted.

usage: mutate_proof.py PROOF.json VERIFIER-KEY COUNT

Prints how many changed proofs were rejected; exits 1 when one was accepted or the unchanged one was not.
"""

import json
import random
import sys

import verify_proof


def main() -> int:
    with open(sys.argv[1], encoding="utf-8") as file:
        document = json.load(file)
    key, count = sys.argv[2], int(sys.argv[3])
    verify_proof.verify(document, key)
    random.seed(20_261)
    rejected = 0
    while rejected < count:
        bent = dict(document)
        field = random.choice(["row", "entry", "proof", "verifier"])
        text = bent[field]
        at = random.randrange(len(text))
        kind = random.randrange(3)
        if kind == 0:
            bent[field] = text[:at] + text[at + 1:]
        elif kind == 1:
            bent[field] = text[:at] + random.choice("0Aa/+= \n") + text[at:]
        else:
            bent[field] = text[:at] + chr(ord(text[at]) ^ (1 << random.randrange(6))) + text[at + 1:]
        if bent == document:
            continue
        try:
            verify_proof.verify(bent, key)
            print(f"accepted: {field} at {at}, kind {kind}")
            return 1
        except (verify_proof.Bad, KeyError, ValueError, IndexError, TypeError):
            rejected += 1
    print(f"{rejected} changed proofs rejected")
    return 0


if __name__ == "__main__":
    sys.exit(main())
