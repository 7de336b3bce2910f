"""Our client against what Airflow's API really answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from pydantic import ValidationError

from brain.core.errors import EmbeddedServerError
from local import airflow_client
from local.airflow_client import AirflowClient, DagRun

RUN = DagRun("extract_assets", "run", "success", datetime(2022, 12, 28, tzinfo=UTC))
EVENT = {"created_dagruns": [{"dag_id": "train_models", "run_id": "next"}]}


@contextmanager
def answering(*answers: tuple[int, object]) -> Iterator[AirflowClient]:
    """An HTTP server in Airflow's place that gives these answers, one after the other, and the last for ever."""
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def do_POST(self) -> None:
            self.send_response(201)
            self.end_headers()
            self.wfile.write(b'{"access_token": "token"}')

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield AirflowClient(f"http://127.0.0.1:{server.server_port}", "admin", "password")
        server.shutdown()


def test_airflow_cannot_tell_of_an_update_whose_run_is_still_queued() -> None:
    """Once this fails, `AirflowClient._updates` need not ask again."""
    from airflow.api_fastapi.core_api.datamodels.assets import DagRunAssetReference

    queued = {"run_id": "r", "dag_id": "d", "state": "queued", "partition_key": None, "triggering": True}
    moments = dict.fromkeys(("logical_date", "start_date", "end_date", "data_interval_start", "data_interval_end"))
    with pytest.raises(ValidationError, match="start_date"):
        DagRunAssetReference.model_validate(queued | moments)


def test_updates_are_asked_for_again_until_the_run_they_started_has_left_the_queue() -> None:
    queued = (500, "Internal Server Error")
    with answering(queued, queued, (200, {"asset_events": [EVENT]})) as it:
        assert it.started_by(RUN) == [("train_models", "next")]


def test_an_error_that_lasts_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airflow_client, "QUEUED_SECONDS", 0.5)
    with answering((500, "Internal Server Error")) as it, pytest.raises(EmbeddedServerError, match="HTTP 500"):
        it.updated_a_dataset(RUN)
    with answering((403, "Forbidden")) as it, pytest.raises(EmbeddedServerError, match="HTTP 403"):
        it.started_by(RUN)
