"""Is a model good enough: metrics, comparison, calibration, slices, behaviour, confidence."""
