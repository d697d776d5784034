"""Every public endpoint is a folder with the same file names, so that one knows the file before looking."""

from __future__ import annotations

from pathlib import Path

import pytest

API = Path(__file__).parents[2] / "app" / "api"
ENDPOINTS = sorted(folder for folder in API.iterdir() if (folder / "__init__.py").exists())


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda folder: folder.name)
def test_an_endpoint_has_the_usual_files(endpoint: Path) -> None:
    names = {file.stem for file in endpoint.glob("*.py")}
    assert {"schema", "decode", "encode", "route"} <= names
