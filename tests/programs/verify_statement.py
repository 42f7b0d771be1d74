#!/usr/bin/env python3
"""Verifies a bundle's statement with securesystemslib: verify_statement.py BUNDLE PUBLIC_KEY"""

import hashlib
import json
import sys
import tarfile

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

bundle, key = sys.argv[1:]
with open(key, "rb") as file:
    public = load_pem_public_key(file.read())
der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
key = SSlibKey.from_crypto(public, keyid=hashlib.sha256(der).hexdigest())
with tarfile.open(bundle) as archive:
    envelope = Envelope.from_dict(json.load(archive.extractfile("statement.json")))
    manifest = archive.extractfile("manifest.json").read()
envelope.verify([key], 1)
statement = json.loads(envelope.payload)
digest = hashlib.sha256(manifest).hexdigest()
if statement["subject"][0]["digest"]["sha256"] != digest:
    sys.exit("the statement is about another manifest")
print(f"{statement['predicate']['result']}, signed by {key.keyid}, about manifest.json {digest}")
