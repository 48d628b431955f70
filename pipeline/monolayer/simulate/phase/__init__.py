"""Phase contrast of adherent cells: fields, ladders of confluence, vessels, growing cultures."""
