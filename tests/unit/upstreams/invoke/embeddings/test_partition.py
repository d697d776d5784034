"""Lists of any length and mixture come apart into bodies the models take, and nothing is lost or sent twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.core.ports import EmbeddingItem
from app.core.prompt import Blob
from app.upstreams.invoke.embeddings import FAMILIES
from app.upstreams.invoke.embeddings.family import Family, Kind, kind_of, partition

IMAGE = Blob("iVBORw0KGgoAAAAN", 12)
ITEMS: dict[Kind, EmbeddingItem] = {
    "text": EmbeddingItem("a"),
    "image": EmbeddingItem(image=IMAGE),
    "both": EmbeddingItem("a", IMAGE),
}


@st.composite
def lists(draw: st.DrawFn) -> tuple[Family, list[EmbeddingItem]]:
    family = draw(st.sampled_from(FAMILIES))
    kinds = draw(st.lists(st.sampled_from(sorted(family.batches)), max_size=400))
    return family, [ITEMS[kind] for kind in kinds]


@given(lists())
def test_every_item_is_in_exactly_one_batch_of_its_kind(case: tuple[Family, list[EmbeddingItem]]) -> None:
    family, items = case
    batches = partition(family, items)
    assert sorted(position for batch in batches for position in batch.positions) == list(range(len(items)))
    for batch in batches:
        assert [items[position] for position in batch.positions] == list(batch.items)
        assert len({kind_of(item) for item in batch.items}) == 1
        assert 1 <= len(batch.items) <= family.batches[kind_of(batch.items[0])]
        assert list(batch.positions) == sorted(batch.positions)


@given(lists())
def test_there_are_no_more_batches_than_it_takes(case: tuple[Family, list[EmbeddingItem]]) -> None:
    family, items = case
    needed = sum(-(-sum(kind_of(item) == kind for item in items) // limit) for kind, limit in family.batches.items())
    assert len(partition(family, items)) == needed
