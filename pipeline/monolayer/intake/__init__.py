"""Files that people hand in besides images: tables (CSV) and descriptions (YAML), one kind a file.

Each reader gives plain frozen records, or one sentence that names file, line, column and mend.
"""
