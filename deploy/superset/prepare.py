"""Bring Superset's own database to its version, with roles and an administrator; run by Superset's own Python.

In one process, as each of Superset's commands takes seconds to start; and `superset fab create-admin` would show the
password in the list of processes. Run again, it makes what is missing and changes nothing.
"""

import json
import os
from pathlib import Path

import superset
from flask_migrate import upgrade
from superset.app import create_app

PERSON = ("admin", "Brain", "Admin", "admin@localhost")

app = create_app()
with app.app_context():
    from superset import appbuilder, security_manager
    from superset.extensions import db

    upgrade(directory=str(Path(superset.__file__).parent / "migrations"))
    appbuilder.add_permissions(update_perms=True)
    security_manager.sync_role_definitions()
    if security_manager.find_user(PERSON[0]) is None:
        password = json.loads((Path(os.environ["SUPERSET_HOME"]) / "secrets.json").read_text())["admin"]
        security_manager.add_user(*PERSON, security_manager.find_role("Admin"), password)
    db.session.commit()
