"""Features: defined once, computed the same for training and for one request at serving."""

from homeostat.features._feature import Definition, Feature, FeatureSet
from homeostat.features._online import OnlineFeatures
from homeostat.features._point_in_time import RecentMean, recent_mean

__all__ = ["Definition", "Feature", "FeatureSet", "OnlineFeatures", "RecentMean", "recent_mean"]
