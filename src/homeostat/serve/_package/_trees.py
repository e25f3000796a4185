"""LightGBM's prediction of a single row, by the C API that is made for it.

Through ``Booster.predict`` a row costs some 30 microseconds of preparation, through this 3; the
trees and the arithmetic are the same, so the answers are the same to the last bit.
"""

from __future__ import annotations

import ctypes
import struct
import weakref
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from homeostat.core import InputError

__all__ = ["Trees"]

_NORMAL, _FLOAT64 = 0, 1  # C_API_PREDICT_NORMAL, C_API_DTYPE_FLOAT64


class Trees:
    """Trees of a LightGBM model, for one row at a time; not for several threads at once.

    Args:
        text: The model as ``Booster.model_to_string`` writes it.
        columns: Number of features.

    Raises:
        InputError: If LightGBM cannot read the text.
    """

    def __init__(self, text: str, columns: int) -> None:
        library = _library()
        booster, fast, count = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_int()
        _must(
            library.LGBM_BoosterLoadModelFromString(
                text.encode(), ctypes.byref(count), ctypes.byref(booster)
            )
        )
        weakref.finalize(self, library.LGBM_BoosterFree, booster)
        _must(
            library.LGBM_BoosterPredictForMatSingleRowFastInit(
                booster, _NORMAL, 0, -1, _FLOAT64, columns, b"num_threads=1", ctypes.byref(fast)
            )
        )
        weakref.finalize(self, library.LGBM_FastConfigFree, fast)  # runs before the booster's
        _must(library.LGBM_BoosterGetNumClasses(booster, ctypes.byref(count)))
        self._call = library.LGBM_BoosterPredictForMatSingleRowFast
        self._fast = fast
        self._row = (ctypes.c_double * columns)()
        self._fill = struct.Struct(f"{columns}d").pack_into
        self._length = ctypes.c_int64()
        self._out = (ctypes.c_double * count.value)()
        self._pointers = ctypes.byref(self._length), ctypes.byref(self._out)

    def predict(self, values: Sequence[float]) -> float:
        """Return the first answer for one encoded row: the probability of label 1, or the value."""
        self._fill(self._row, 0, *values)
        _must(self._call(self._fast, self._row, *self._pointers))
        return self._out[0]

    def predict_all(self, values: Sequence[float]) -> list[float]:
        """Return every answer for one encoded row: one of each class."""
        self.predict(values)
        return list(self._out)


@cache
def _library() -> ctypes.CDLL:
    import lightgbm  # noqa: PLC0415 - half a second to import

    return ctypes.CDLL(str(Path(lightgbm.__file__).parent / "lib" / "lib_lightgbm.so"))


def _must(status: int) -> None:
    if status:
        error = _library().LGBM_GetLastError
        error.restype = ctypes.c_char_p
        raise InputError(f"LightGBM cannot predict a row: {error().decode()}.")
