"""Assays: what a method can count or measure, one file each, all behind one contract.

An assay composes the stages for one field and names the columns of the tables. It is imported
when a method asks for it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monolayer.assays.contract import Assay
    from monolayer.assays.windows import ScanAssay
    from monolayer.method import Method

__all__ = ["assay_of", "scan_assay_of", "takes_scans"]

_ON_SCANS = ("nuclei", "confluence")


def assay_of(method: "Method") -> "Assay":
    """The assay that a method asks for."""
    found: Assay = import_module(f"monolayer.assays.{method.assay}").ASSAY
    return found


def scan_assay_of(method: "Method") -> "ScanAssay | None":
    """How the assay that a method asks for evaluates scans; None where it cannot."""
    if not takes_scans(method):
        return None
    found: ScanAssay = import_module(f"monolayer.assays.{method.assay}_scan").SCAN_ASSAY
    return found


def takes_scans(method: "Method") -> bool:
    """Whether the assay that a method asks for can evaluate scans."""
    return method.assay in _ON_SCANS
