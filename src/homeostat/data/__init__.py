"""The data room: sources and lineage, schemas drafted from data, profiles."""

from homeostat.data._column_lineage import ColumnLineage
from homeostat.data._columnar import read_arrow, read_parquet
from homeostat.data._csv import read_csv
from homeostat.data._dataset import Dataset, SourceFile, SourceInfo
from homeostat.data._digest import of_value as digest_of
from homeostat.data._infer import infer
from homeostat.data._json_lines import read_json_lines
from homeostat.data._profile import Profile
from homeostat.data._profile_column import ColumnProfile
from homeostat.data._profile_compare import ProfileComparison, compare
from homeostat.data._profile_edges import ColumnEdges, Edges
from homeostat.data._profile_page import profile_script, profile_style
from homeostat.data._profile_report import ProfileReport, profile
from homeostat.data._profile_text import describe
from homeostat.data._read import read
from homeostat.data._rows import batch_from_rows
from homeostat.data._skew import SchemaSkew, skew
from homeostat.data._skew_limits import SkewLimits, Threshold
from homeostat.data._sources import from_frame
from homeostat.data._sql import read_sql
from homeostat.data._verbs import deduplicate, left_join, quarantine

__all__ = [
    "ColumnEdges",
    "ColumnLineage",
    "ColumnProfile",
    "Dataset",
    "Edges",
    "Profile",
    "ProfileComparison",
    "ProfileReport",
    "SchemaSkew",
    "SkewLimits",
    "SourceFile",
    "SourceInfo",
    "Threshold",
    "batch_from_rows",
    "compare",
    "deduplicate",
    "describe",
    "digest_of",
    "from_frame",
    "infer",
    "left_join",
    "profile",
    "profile_script",
    "profile_style",
    "quarantine",
    "read",
    "read_arrow",
    "read_csv",
    "read_json_lines",
    "read_parquet",
    "read_sql",
    "skew",
]
