"""Prediction of whole files, without a server."""
