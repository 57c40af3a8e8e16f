"""How the C library hands out memory to the networks."""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 1 << 25


def keep_freed_memory() -> bool:
    """Lets glibc keep what a batch frees for the next one: returned to the system and taken again, the same memory
    costs a fifth of a batch's time in page faults. For the whole process; False where there is no glibc."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(_M_TRIM_THRESHOLD, 4 * _KEPT_BYTES)) and bool(mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES))


def give_back_memory() -> bool:
    """Returns freed memory to the system, as after a rush; takes some milliseconds. False where there is no glibc."""
    try:
        return bool(ctypes.CDLL(None).malloc_trim(0))
    except (AttributeError, OSError, TypeError):
        return False
