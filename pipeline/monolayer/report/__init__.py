"""The report: one HTML file that opens offline and shows before it tells.

1. `build_content` chooses from the run's tables what to show: plain frozen data
2. `render_report` draws it: hand-written SVG, one template, no chart library

The page asks for nothing from anywhere: its content security policy forbids it, and the one
script that runs is named there by its hash.
"""

from monolayer.report.build import build_content
from monolayer.report.content import ReportContent
from monolayer.report.page import render_report

__all__ = ["ReportContent", "build_content", "render_report"]
