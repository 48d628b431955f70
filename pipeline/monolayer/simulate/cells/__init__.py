"""Nuclei and the cells around them, from young to old."""
