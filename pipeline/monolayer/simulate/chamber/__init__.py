"""Suspended cells in a counting chamber, in bright field."""
