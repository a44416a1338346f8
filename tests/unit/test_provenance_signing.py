"""Signatures of the operator's key over statements, and what is told when one does not hold."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pipeline.provenance import signing, statement
from pipeline.provenance.record import ProvenanceError, describe_files
from tests.releases import BUILD, record


def key_file(path: Path, seed: int = 1) -> Path:
    key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A folder with a file, its signed statement and the operator's public key."""
    folder = tmp_path / "release"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    text = statement.state(record(tmp_path), describe_files(folder, ["model.safetensors"]))
    key = signing.read_private_key(key_file(tmp_path / "operator.key"))
    (folder / signing.SIGNED).write_bytes(signing.sign(text, key))
    (folder / signing.UNSIGNED).write_bytes(text)
    (folder / signing.PUBLIC).write_bytes(signing.public_pem(key))
    return folder


def test_a_signed_statement_holds(release: Path) -> None:
    key = signing.read_public_key(release / signing.PUBLIC)
    assert signing.verify(release / signing.SIGNED, key) == signing.Verified(BUILD, signing.key_id(key), 1)


def test_the_private_key_verifies_as_well(release: Path, tmp_path: Path) -> None:
    key = signing.read_public_key(tmp_path / "operator.key")
    assert signing.verify(release / signing.SIGNED, key).files == 1


def test_the_envelope_is_as_dsse_says(release: Path, tmp_path: Path) -> None:
    envelope = json.loads((release / signing.SIGNED).read_bytes())
    payload = base64.b64decode(envelope["payload"])
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    assert payload == (release / signing.UNSIGNED).read_bytes()
    signed = b"DSSEv1 28 application/vnd.in-toto+json %d " % len(payload) + payload
    public = signing.read_public_key(release / signing.PUBLIC)
    public.verify(base64.b64decode(envelope["signatures"][0]["sig"]), signed)


def test_the_same_statement_has_the_same_signature(release: Path, tmp_path: Path) -> None:
    again = signing.sign((release / signing.UNSIGNED).read_bytes(), signing.read_private_key(tmp_path / "operator.key"))
    assert again == (release / signing.SIGNED).read_bytes()


def test_another_key_is_told(release: Path, tmp_path: Path) -> None:
    other = signing.read_public_key(key_file(tmp_path / "other.key", 2))
    with pytest.raises(ProvenanceError, match="signed by another, or changed since"):
        signing.verify(release / signing.SIGNED, other)


def test_a_changed_statement_is_told(release: Path) -> None:
    envelope = json.loads((release / signing.SIGNED).read_bytes())
    statement_ = (
        base64.b64decode(envelope["payload"]).replace(b"weights", b"WEIGHTS").replace(BUILD.encode(), b"0" * 12)
    )
    envelope["payload"] = base64.b64encode(statement_).decode()
    (release / signing.SIGNED).write_text(json.dumps(envelope))
    with pytest.raises(ProvenanceError, match="changed since"):
        signing.verify(release / signing.SIGNED, signing.read_public_key(release / signing.PUBLIC))


def test_a_changed_or_missing_file_is_told(release: Path) -> None:
    key = signing.read_public_key(release / signing.PUBLIC)
    (release / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(ProvenanceError, match=r"model\.safetensors is not the file that the statement names"):
        signing.verify(release / signing.SIGNED, key)
    (release / "model.safetensors").unlink()
    with pytest.raises(ProvenanceError, match=r"model\.safetensors is missing"):
        signing.verify(release / signing.SIGNED, key)


def test_a_statement_looks_at_files_beside_it_alone(release: Path, tmp_path: Path) -> None:
    text = json.loads((release / signing.UNSIGNED).read_bytes())
    text["subject"][0]["name"] = "../../etc/passwd"
    (release / signing.UNSIGNED).write_text(json.dumps(text))
    with pytest.raises(ProvenanceError, match="not beside it"):
        signing.verify(release / signing.UNSIGNED, None)


def test_signed_wants_a_key_and_unsigned_has_none(release: Path) -> None:
    key = signing.read_public_key(release / signing.PUBLIC)
    with pytest.raises(ProvenanceError, match="name the operator's public key with --key"):
        signing.verify(release / signing.SIGNED, None)
    with pytest.raises(ProvenanceError, match="is not signed"):
        signing.verify(release / signing.UNSIGNED, key)
    assert signing.verify(release / signing.UNSIGNED, None).key == ""


@pytest.mark.parametrize("data", [b"", b"{}", b'{"payloadType": 1}', b"[1]", b'{"payload": "?", "payloadType": "x"}'])
def test_what_is_no_envelope_is_told(release: Path, data: bytes) -> None:
    with pytest.raises(ProvenanceError, match=r"no signed statement|no signature"):
        signing.open_envelope(data, signing.read_public_key(release / signing.PUBLIC))


def test_a_key_of_another_kind_is_told(tmp_path: Path) -> None:
    rsa = generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "rsa.key").write_bytes(rsa)
    for path in (tmp_path / "rsa.key", tmp_path / "none.key"):
        with pytest.raises(ProvenanceError, match="openssl genpkey -algorithm ed25519"):
            signing.read_private_key(path)
