from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.page.world import world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.servers import Servers


@pytest.fixture(scope="module")
def variables(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The BRAIN_* variables of a brain with a past."""
    with world(servers, tmp_path_factory.mktemp("page")) as found:
        yield found
