"""Features: defined once, kept once, the same for training and for one request at serving."""

from homeostat.features._alone import row_by_row
from homeostat.features._as_of import as_of_join
from homeostat.features._feature import Definition, Feature, FeatureSet
from homeostat.features._generalization import coverage, generalization
from homeostat.features._group import FeatureGroup
from homeostat.features._online import OnlineFeatures
from homeostat.features._online_reader import OnlineReader
from homeostat.features._online_store import OnlineStore
from homeostat.features._over_time import generalization_by, importance_stability, new_values
from homeostat.features._point_in_time import RecentMean, recent_mean
from homeostat.features._review import review
from homeostat.features._served import check_served
from homeostat.features._store import FeatureStore, Materialised
from homeostat.features._useless import useless

__all__ = [
    "Definition",
    "Feature",
    "FeatureGroup",
    "FeatureSet",
    "FeatureStore",
    "Materialised",
    "OnlineFeatures",
    "OnlineReader",
    "OnlineStore",
    "RecentMean",
    "as_of_join",
    "check_served",
    "coverage",
    "generalization",
    "generalization_by",
    "importance_stability",
    "new_values",
    "recent_mean",
    "review",
    "row_by_row",
    "useless",
]
