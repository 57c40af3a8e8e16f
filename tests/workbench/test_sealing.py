"""Vectors, encrypted and not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.sealing import Seal, SealError, new_key

VECTOR = np.linspace(-1, 1, 192).astype(np.float32)


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=300), st.booleans())
def test_what_was_locked_is_there_again(values: list[float], encrypted: bool) -> None:
    seal = Seal(new_key() if encrypted else "")
    vector = np.array(values, np.float32)
    assert (seal.unlock(seal.lock(vector, "a"), seal.name, "a") == vector).all()


def test_a_locked_vector_does_not_show() -> None:
    locked = Seal(new_key()).lock(VECTOR, "a")
    assert VECTOR.tobytes()[:16] not in locked
    assert Seal().lock(VECTOR, "a") == VECTOR.tobytes()


def test_two_locked_alike_look_different() -> None:
    seal = Seal(new_key())
    assert seal.lock(VECTOR, "a") != seal.lock(VECTOR, "a")


def test_the_wrong_key_is_named() -> None:
    seal, other = Seal(new_key()), Seal(new_key())
    locked = seal.lock(VECTOR, "a")
    with pytest.raises(SealError, match=f"the key {seal.name}, and workbench.key is {other.name}"):
        other.unlock(locked, seal.name, "a")
    with pytest.raises(SealError, match="no key is set"):
        Seal().unlock(locked, seal.name, "a")


def test_it_opens_only_for_what_it_was_locked_for_and_as_it_was() -> None:
    seal = Seal(new_key())
    locked = seal.lock(VECTOR, "a")
    for data, about in ((locked, "b"), (locked[:-1] + bytes([locked[-1] ^ 1]), "a")):
        with pytest.raises(SealError, match="changed since it was encrypted, or belongs elsewhere"):
            seal.unlock(data, seal.name, about)


@pytest.mark.parametrize("key", ["secret", "c2VjcmV0", "ä", "A" * 44])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(SealError, match="32 bytes in URL-safe base64"):
        Seal(key)
