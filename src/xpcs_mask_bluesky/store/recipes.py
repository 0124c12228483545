"""The recipe that a profile gives, and the one in force: which of the two is newer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiled.queries import Eq

from xpcs_mask_bluesky.store.layout import check_name
from xpcs_mask_bluesky.store.log import Draft, LogEntry
from xpcs_mask_bluesky.store.state import RECIPE_SET

if TYPE_CHECKING:
    from xpcs_mask_bluesky.partitions import PartitionRecipe
    from xpcs_mask_bluesky.store.detector import DetectorNode

GIVEN = "given by a profile"


def offer_recipe(detector: DetectorNode, recipe: PartitionRecipe, *, name: str) -> LogEntry | None:
    """Put a profile's recipe in force if the profile says something new; else leave the one in force.

    New is a recipe that differs from the one that a profile gave last time, or that none gave before.
    So an edited profile takes effect at its next start, and what somebody has set from the prompt
    since then survives a restart of a profile that did not change.

    Returns:
        The entry of the recipe in force if it is another one than ``recipe``, else None.

    Raises:
        Conflict: somebody else set a recipe of this name meanwhile.
    """
    check_name(name, "recipe name")
    of_name = Eq("kind", RECIPE_SET), Eq("lineage.name", name)
    given = detector.commits.last(*of_name, Eq("reason", GIVEN))
    if given is not None and given.inputs["recipe"] == recipe.digest:
        newest = detector.commits.last(*of_name)
        return newest if newest is not None and newest.inputs["recipe"] != recipe.digest else None
    _commit(detector, recipe, name)
    return None


def _commit(detector: DetectorNode, recipe: PartitionRecipe, name: str) -> None:
    """Commit it even if it is in force already: the entry remembers what the profile gave."""
    state = detector.state.latest()
    draft = Draft(
        kind=RECIPE_SET,
        author=detector.author,
        principal=detector.principal,
        reason=GIVEN,
        parent=state.heads.get(f"{RECIPE_SET}:{name}", 0),
        inputs={"recipe": recipe.digest},
        lineage={"name": name},
        body={"name": name, "recipe": recipe.model_dump(mode="json")},
    )
    moved = lambda entry: entry.kind == RECIPE_SET and entry.body["name"] == name  # noqa: E731
    detector.state.took(detector.commits.append(draft, since=state.seq, conflicts=moved))
