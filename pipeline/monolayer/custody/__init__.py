"""Custody: the record's rules applied to a study, by named persons.

1. `add_person`, `set_password`, `identified`: who somebody is, by name and password.
2. `draft_document`, `step_document`, `document_in_force`: methods, recipes and policies.
3. `dispose_vessel`: a person's decision about a vessel, as recommended or against it.
4. `sign_record`, `signatures`: who signed what, and whether it still stands.
5. `verify_study`, `export_trail`: the audit trail checked, and handed to somebody else.

Rules are `monolayer.record`'s, rows `monolayer.study`'s; every write goes through the study's one
door. Names are imported when they are first used.
"""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.custody.dispositions import (
        dispose_vessel,
        latest_proposal,
        latest_proposals,
    )
    from monolayer.custody.document_steps import (
        document_in_force,
        documents,
        draft_document,
        recipe_in_force,
        step_document,
    )
    from monolayer.custody.persons import (
        add_person,
        alter_person,
        identified,
        person,
        recording,
        set_password,
        site_policy,
    )
    from monolayer.custody.policy import Policy, load_policy
    from monolayer.custody.signing import Signed, sign_record, signatures
    from monolayer.custody.trail import Verification, export_trail, verify_study

__all__ = [
    "Policy",
    "Signed",
    "Verification",
    "add_person",
    "alter_person",
    "dispose_vessel",
    "document_in_force",
    "documents",
    "draft_document",
    "export_trail",
    "identified",
    "latest_proposal",
    "latest_proposals",
    "load_policy",
    "person",
    "recipe_in_force",
    "recording",
    "set_password",
    "sign_record",
    "signatures",
    "site_policy",
    "step_document",
    "verify_study",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Policy": "policy",
        "Signed": "signing",
        "Verification": "trail",
        "add_person": "persons",
        "alter_person": "persons",
        "dispose_vessel": "dispositions",
        "document_in_force": "document_steps",
        "documents": "document_steps",
        "draft_document": "document_steps",
        "export_trail": "trail",
        "identified": "persons",
        "latest_proposal": "dispositions",
        "latest_proposals": "dispositions",
        "load_policy": "policy",
        "person": "persons",
        "recipe_in_force": "document_steps",
        "recording": "persons",
        "set_password": "persons",
        "sign_record": "signing",
        "signatures": "signing",
        "site_policy": "persons",
        "step_document": "document_steps",
        "verify_study": "trail",
    },
)
