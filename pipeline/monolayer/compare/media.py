"""Kinds of medium. "Non-animal" is five different things, so a medium's kind is one of these."""

from enum import StrEnum

__all__ = ["MediumKind"]


class MediumKind(StrEnum):
    """What a medium is made of, from least to most defined."""

    SERUM_CONTAINING = "serum-containing"
    PLATELET_LYSATE = "platelet-lysate"
    SERUM_FREE = "serum-free"
    XENO_FREE = "xeno-free"
    ANIMAL_COMPONENT_FREE = "animal-component-free"
    CHEMICALLY_DEFINED = "chemically-defined"

    @property
    def meaning(self) -> str:
        """What the word says, and what it does not."""
        return _MEANINGS[self]


_MEANINGS = {
    MediumKind.SERUM_CONTAINING: "holds animal or human serum",
    MediumKind.PLATELET_LYSATE: "holds human platelet lysate: no other species, yet neither "
    "free of animal (human) components nor defined",
    MediumKind.SERUM_FREE: "holds no serum; may hold animal proteins",
    MediumKind.XENO_FREE: "holds nothing of other species; may hold human serum or proteins",
    MediumKind.ANIMAL_COMPONENT_FREE: "holds nothing of animal or human origin; may hold "
    "undefined extracts",
    MediumKind.CHEMICALLY_DEFINED: "every component is known with its amount",
}
