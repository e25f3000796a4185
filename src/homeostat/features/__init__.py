"""Features: defined once, computed the same for training and for one request at serving."""

from homeostat.features._alone import row_by_row
from homeostat.features._feature import Definition, Feature, FeatureSet
from homeostat.features._generalization import coverage, generalization
from homeostat.features._online import OnlineFeatures
from homeostat.features._point_in_time import RecentMean, recent_mean
from homeostat.features._useless import useless

__all__ = [
    "Definition",
    "Feature",
    "FeatureSet",
    "OnlineFeatures",
    "RecentMean",
    "coverage",
    "generalization",
    "recent_mean",
    "row_by_row",
    "useless",
]
