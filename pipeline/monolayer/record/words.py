"""The record's vocabulary, each word with one meaning; shared by settings, checks and screens."""

from typing import Literal

__all__ = ["Act", "DisposedAction", "DocumentKind", "Meaning", "Role", "Status"]

Role = Literal["operator", "reviewer", "approver"]

Act = Literal[
    "record",  # cultures, acquisitions, exchanges, readings
    "accept",  # do as recommended
    "override",  # do something else, with a reason
    "assess",  # say what an excursion or a sensor's fault means; it stops nothing then
    "discard",  # end a culture; never recommended by software
    "draft",  # write or change a method or recipe
    "review",
    "approve",
    "retire",
    "sign",
    "administer",  # people, their roles and lock-outs, and these settings
]

Status = Literal["draft", "reviewed", "approved", "retired"]

DocumentKind = Literal["method", "recipe", "policy"]

# 21 CFR 11.50(a)(3) names these four.
Meaning = Literal["review", "approval", "responsibility", "authorship"]

DisposedAction = Literal[
    "CONTINUE", "FEED", "PASSAGE", "HARVEST", "REIMAGE", "HOLD", "ESCALATE", "DISCARD"
]
