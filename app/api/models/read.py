"""`GET /models` and `GET /models/{id}`, without the web framework."""

from __future__ import annotations

from app.api.models.decode import name_in
from app.api.models.encode import encode, encode_list
from app.api.models.schema import ModelBody, ModelListBody
from app.core.access import Access
from app.core.ports import ModelEntry, Models
from app.errors import model_not_found


async def list_models(models: Models, access: Access) -> ModelListBody:
    """Every model that the key may call. Raises UpstreamFailure 503 where the list was never had and can't be had."""
    return encode_list(await models.entries(access))


async def retrieve(models: Models, access: Access, path: str) -> ModelBody:
    """One model, as `found`."""
    return encode(await found(models, access, path))


async def found(models: Models, access: Access, path: str) -> ModelEntry:
    """One model, by any name that a request may use. `path` is what follows `/models/`, encoded or not.

    Raises NotFound `model_not_found`, and UpstreamFailure as `list_models` does.
    """
    name = name_in(path)
    entry = await models.entry(name, access)
    if entry is None:
        raise model_not_found(name)
    return entry
