"""Importers: runs of MLflow, W&B, TensorBoard and trackio, read from their files.

None of these tools is needed: their formats are read here.
"""

from homeostat.compat.importers._foreign import Problem
from homeostat.compat.importers._import import ImportReport, import_runs

__all__ = ["ImportReport", "Problem", "import_runs"]
