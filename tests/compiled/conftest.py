"""The wheel with the compiled engine: built once, as a carrier's image builds it."""

import os
from pathlib import Path

import pytest

from bench.compiled import build, missing


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where it is installed. Skips where there is no C compiler, and fails in CI, where there has to be one."""
    if lack := missing():
        if os.environ.get("CI") == "true":
            pytest.fail(lack, pytrace=False)
        pytest.skip(lack)
    return build(tmp_path_factory.mktemp("compiled"))
