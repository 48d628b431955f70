"""What pages are drawn with: SVG by hand, numbers as a reader wants them, colours, pictures.

No stage: report and batch share it. Arrays and plain data in, escaped markup out; no files.
"""
