"""A `.npy` file of which the number of rows is known only at its end."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

Rows = NDArray[np.float32]


class NpyRows:
    """A `.npy` of float32 rows (n, size) that is written as they come; whole only after `close`."""

    def __init__(self, path: Path, size: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._size = size
        self._rows = 0
        self._file: IO[bytes] = path.open("w+b")
        self._write_header()

    def write(self, rows: Rows) -> None:
        self._file.write(np.ascontiguousarray(rows, np.float32).tobytes())
        self._rows += len(rows)

    def close(self) -> None:
        if self._file.closed:
            return
        self._file.seek(0)
        self._write_header()  # as long as before: numpy leaves room for the number of rows to grow
        self._file.close()

    def discard(self) -> None:
        """It is not to be."""
        try:
            self._file.close()
        finally:
            self.path.unlink(missing_ok=True)

    def _write_header(self) -> None:
        shape = {"descr": "<f4", "fortran_order": False, "shape": (self._rows, self._size)}
        npy.write_array_header_1_0(self._file, shape)
