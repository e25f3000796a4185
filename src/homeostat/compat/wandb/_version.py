"""Which version of W&B's client we stand for."""

__all__ = ["VERSION"]

VERSION = "0.31.0"
