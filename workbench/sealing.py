"""Vectors as they are kept: encrypted where there is a key, with AES-256-GCM."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from numpy.typing import NDArray

KEY_BYTES, NONCE_BYTES = 32, 12


class SealError(Exception):
    """A vector cannot be read or written with this key; the message says which key is needed."""


def new_key() -> str:
    """A key as `workbench.key` takes it: 32 random bytes in URL-safe base64."""
    return base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode()


class Seal:
    """Locks and unlocks vectors. `name`: by which a key is known, a part of its hash; None without a key: then vectors
    are kept as they are.

    A locked vector opens only for what it was locked for, so rows cannot be passed off for each other.
    """

    def __init__(self, key: str = "") -> None:
        """Raises SealError if `key` is none."""
        self.name: str | None = None
        self._cipher: AESGCM | None = None
        if not key:
            return
        try:
            raw = base64.urlsafe_b64decode(key)
        except (ValueError, binascii.Error):
            raw = b""
        if len(raw) != KEY_BYTES:
            raise SealError("workbench.key is not 32 bytes in URL-safe base64; `undertone voices new-key` makes one")
        self.name = hashlib.sha256(b"undertone key " + raw).hexdigest()[:16]
        self._cipher = AESGCM(raw)

    def lock(self, vector: NDArray[np.floating], about: str) -> bytes:
        """`about`: what the vector belongs to; the same opens it."""
        data = np.ascontiguousarray(vector, "<f4").tobytes()
        if self._cipher is None:
            return data
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data, about.encode())

    def unlock(self, data: bytes, sealed_by: str | None, about: str) -> NDArray[np.float32]:
        """What was locked `about` the same with the key named `sealed_by`; None: without one. Raises SealError if that
        is another key, or the data were changed."""
        if sealed_by is not None:
            if self._cipher is None:
                raise SealError(f"it is encrypted with the key {sealed_by}, and no key is set: workbench.key")
            if sealed_by != self.name:
                raise SealError(f"it is encrypted with the key {sealed_by}, and workbench.key is {self.name}")
            try:
                data = self._cipher.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], about.encode())
            except (InvalidTag, ValueError):
                raise SealError("it was changed since it was encrypted, or belongs elsewhere") from None
        if len(data) % 4:
            raise SealError("it is no vector")
        return np.frombuffer(data, "<f4").astype(np.float32)
