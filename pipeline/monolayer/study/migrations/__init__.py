"""Steps from one version of a study's tables to the next; each step stays as it was released."""
