"""The Brain page: an entry in the navigation of Airflow's UI, and the application behind it."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin

PREFIX = "brain"


class BrainPage(AirflowPlugin):
    """Every process of Airflow loads plugins; only the API server asks for the application, and imports it then."""

    name = "brain"
    external_views = [  # noqa: RUF012 - so declared by Airflow
        {
            "name": "Brain",
            "href": f"{PREFIX}/",  # relative: Airflow may lie below a path
            "url_route": PREFIX,
            "destination": "nav",
            "nav_top_level": True,
            "icon": f"{PREFIX}/static/icon.svg",
            "icon_dark_mode": f"{PREFIX}/static/icon-dark.svg",
        }
    ]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:
        """The application; without it Airflow's UI goes on, and its log says why."""
        try:
            from orchestration.page.app import app
        except Exception:
            logging.getLogger(__name__).exception("the Brain page cannot be loaded")
            return []
        return [{"app": app, "url_prefix": f"/{PREFIX}", "name": "brain"}]
