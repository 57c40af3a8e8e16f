"""`python -m stream_server.rest.health`: whether the server in this container is well, for HEALTHCHECK.

It asks /readyz. A server that is full, that drains, or whose models are being started again is at work, and its calls
would be lost if it were stopped for that; one that warms up is not well yet, and one that does not answer is not.
"""

from __future__ import annotations

import json
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress

PORT = 8000
PATIENCE_S = 3.0
AT_WORK = frozenset({"ready", "full", "draining", "models restarting"})


def status(port: int) -> str:
    """What /readyz says, by HTTP, or where that does not answer by HTTPS (whose certificate is for other names than
    this one). Raises OSError or ValueError."""
    with suppress(OSError, ValueError):
        return _status(f"http://127.0.0.1:{port}/readyz")
    return _status(f"https://127.0.0.1:{port}/readyz")


def _status(url: str) -> str:
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S, context=unchecked) as answer:
            return str(json.load(answer)["status"])
    except urllib.error.HTTPError as error:
        if error.code != 503:
            raise
        return str(json.load(error)["status"])


def main(arguments: Sequence[str] | None = None) -> int:
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        found = status(int(given[0]) if given else PORT)
    except (OSError, ValueError, KeyError, TypeError) as error:
        found = f"no answer: {error}"
    print(found)
    return 0 if found in AT_WORK else 1


if __name__ == "__main__":
    sys.exit(main())
