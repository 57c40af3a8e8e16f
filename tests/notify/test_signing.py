"""What is signed is what others verify, by the standard's own library."""

from __future__ import annotations

import time

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from notify.signing import signed, signing_key
from tests.notify.receiving import SECRET

BODY = b'{"type":"alert.raised"}'


def test_the_library_of_the_standard_takes_the_signature() -> None:
    headers = signed(signing_key(SECRET), "msg_1", time.time(), BODY)
    assert Webhook(SECRET).verify(BODY, headers) == {"type": "alert.raised"}


@pytest.mark.parametrize("changed", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_it_covers_the_id_and_the_time(changed: str) -> None:
    now = time.time()
    headers = signed(signing_key(SECRET), "msg_1", now, BODY)
    other = signed(signing_key(SECRET), "msg_2", now + 1, BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY, headers | {changed: other[changed]})


def test_it_covers_the_body() -> None:
    headers = signed(signing_key(SECRET), "msg_1", time.time(), BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY + b" ", headers)


def test_a_secret_may_begin_with_its_prefix() -> None:
    assert signing_key(SECRET) == signing_key(SECRET.removeprefix("whsec_")) == bytes(range(32))


@pytest.mark.parametrize("secret", ["", "whsec_", "not base64!", "c2hvcnQ=", "A" * 100, "geheim\N{SNOWMAN}"])
def test_what_is_no_secret_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(ValueError, match="24 to 64 bytes in base64") as refused:
        signing_key(secret)
    assert not secret or secret not in str(refused.value).replace("whsec_", "", 1) or secret == "whsec_"
