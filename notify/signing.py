"""Signatures of webhooks, as Standard Webhooks 1.0 has them: HMAC-SHA256 over id, time and body."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

PREFIX = "whsec_"
KEY_BYTES = range(24, 65)


def signing_key(secret: str) -> bytes:
    """The key in a secret: base64, with or without `whsec_` before it. Raises ValueError, which does not show it."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) not in KEY_BYTES:
        raise ValueError(
            f"a secret is {KEY_BYTES.start} to {KEY_BYTES.stop - 1} bytes in base64, as `openssl rand -base64 32` "
            f"makes one; {PREFIX} may stand before it"
        )
    return key


def signed(key: bytes, message_id: str, now_s: float, body: bytes) -> dict[str, str]:
    """The headers of an attempt at the time `now_s` (seconds since 1970); the id is the same for every attempt."""
    content = b"%s.%d." % (message_id.encode(), int(now_s)) + body
    signature = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now_s)),
        "webhook-signature": f"v1,{signature}",
    }
