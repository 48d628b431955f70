"""Decide: a vessel's history becomes a recommendation, by ordered rules of which the first wins."""
