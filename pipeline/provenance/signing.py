"""Signatures by the operator's own key: DSSE envelopes, Ed25519. The same statement gives the same signature.

DSSE: https://github.com/secure-systems-lab/dsse (protocol.md, envelope.md).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.files import file_digest
from pipeline.manifest import canonical
from pipeline.provenance.record import ProvenanceError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PAYLOAD = "application/vnd.in-toto+json"
SIGNED, UNSIGNED, PUBLIC = "provenance.dsse.json", "provenance.intoto.json", "signing-key.pub"
_MAKE = "make one with: openssl genpkey -algorithm ed25519 -out seedbed.key"


@dataclass(frozen=True, slots=True)
class Verified:
    """A statement that holds. `key`: id of the key that signed it, "" where it is not signed; `files`: how many files
    beside it have the digests that it names."""

    build_id: str
    key: str
    files: int


def read_private_key(path: Path) -> Ed25519PrivateKey:
    """The key in a PEM file without a password. Raises `ProvenanceError`."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise ProvenanceError(f"the signing key {path} cannot be read ({type(error).__name__}); {_MAKE}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ProvenanceError(f"the signing key {path} is no Ed25519 key; {_MAKE}")
    return key


def read_public_key(path: Path) -> Ed25519PublicKey:
    """The public key in a PEM file, which may also hold the private one. Raises `ProvenanceError`."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        data = path.read_bytes()
        if b"PRIVATE KEY" in data:
            return read_private_key(path).public_key()
        key = load_pem_public_key(data)
    except (OSError, ValueError, TypeError) as error:
        raise ProvenanceError(f"the key {path} cannot be read ({type(error).__name__})") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ProvenanceError(f"the key {path} is no Ed25519 key")
    return key


def public_pem(key: Ed25519PrivateKey) -> bytes:
    """The public half as PEM, for whoever verifies."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def key_id(key: Ed25519PublicKey) -> str:
    """SHA-256 (hex) of the public key."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def sign(statement: bytes, key: Ed25519PrivateKey) -> bytes:
    """The envelope around `statement`, as canonical JSON."""
    signature = {"keyid": key_id(key.public_key()), "sig": _base64(key.sign(_encoded(statement)))}
    return canonical({"payloadType": PAYLOAD, "payload": _base64(statement), "signatures": [signature]})


def open_envelope(data: bytes, key: Ed25519PublicKey) -> bytes:
    """The statement that `key` signed. Raises `ProvenanceError`."""
    from cryptography.exceptions import InvalidSignature

    try:
        envelope = json.loads(data)
        statement = base64.b64decode(envelope["payload"], validate=True)
        known = envelope["payloadType"] == PAYLOAD
        found = [base64.b64decode(one["sig"], validate=True) for one in envelope["signatures"]]
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise ProvenanceError(f"this is no signed statement ({error})") from error
    for signature in found if known else ():
        try:
            key.verify(signature, _encoded(statement))
        except InvalidSignature:
            continue
        return statement
    raise ProvenanceError(
        f"no signature of the key {key_id(key)[:16]} holds: it was signed by another, or changed since"
    )


def verify(file: Path, key: Ed25519PublicKey | None) -> Verified:
    """Check a statement and the files beside it; without a `key`, the files alone of one that is not signed.

    Raises `ProvenanceError`: wrong signature, changed or missing files, or no key for a signed statement.
    """
    try:
        data = file.read_bytes()
        signed = "payloadType" in json.loads(data)
    except (OSError, ValueError, TypeError) as error:
        raise ProvenanceError(f"{file} is no statement ({error})") from error
    if signed and key is None:
        raise ProvenanceError(f"{file} is signed; name the operator's public key with --key, from where you trust it")
    if not signed and key is not None:
        raise ProvenanceError(f"{file} is not signed, so no key can vouch for it")
    statement = open_envelope(data, key) if key else data
    parsed = json.loads(statement)
    _check_subjects(file.parent, parsed)
    build = parsed["predicate"]["runDetails"]["metadata"]["invocationId"]
    return Verified(build, key_id(key) if key else "", len(parsed["subject"]))


def _check_subjects(folder: Path, statement: dict[str, Any]) -> None:
    for subject in statement["subject"]:
        path = folder / subject["name"]
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ProvenanceError(f"the statement names {subject['name']}, which is not beside it")
        if not path.is_file():
            raise ProvenanceError(f"{path} is missing")
        if file_digest(path) != subject["digest"]["sha256"]:
            raise ProvenanceError(f"{path} is not the file that the statement names: its SHA-256 differs")


def _encoded(statement: bytes) -> bytes:
    """DSSE's pre-authentication encoding."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD), PAYLOAD.encode(), len(statement), statement)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
