"""What a person reads when the warehouse cannot be reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from brain.core.errors import CredentialsRejected, ServerUnreachable
from brain.warehouse.connection import transaction

if TYPE_CHECKING:
    from brain.core.settings import Settings


def test_a_wrong_password_is_a_lasting_error_that_does_not_show_it(settings: Settings) -> None:
    right = make_url(settings.warehouse_url.get_secret_value())
    wrong = SecretStr(right.set(password="not-the-password").render_as_string(hide_password=False))
    with (
        pytest.raises(CredentialsRejected, match="a login refused for user 'brain_writer'") as refused,
        transaction(wrong),
    ):
        pass
    assert "not-the-password" not in str(refused.value)


def test_a_server_that_does_not_answer_is_a_passing_error(settings: Settings) -> None:
    right = make_url(settings.warehouse_url.get_secret_value())
    nowhere = SecretStr(right.set(port=1).render_as_string(hide_password=False))
    with pytest.raises(ServerUnreachable, match=r"127\.0\.0\.1:1/"), transaction(nowhere):
        pass


def test_a_connection_cut_in_the_middle_is_a_passing_error(settings: Settings) -> None:
    with (
        pytest.raises(ServerUnreachable, match="the connection was lost"),
        transaction(settings.warehouse_url) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
