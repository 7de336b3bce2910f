"""What Superset runs with on one machine; `make superset` writes the secrets beside its database, for the owner only.

Superset imports this as a module, by SUPERSET_CONFIG_PATH: every upper-case name is a setting of its.
"""

import json
import os
from pathlib import Path

from sqlalchemy.engine.url import make_url

_HOME = Path(os.environ["SUPERSET_HOME"])
_SECRETS = json.loads((_HOME / "secrets.json").read_text())

SECRET_KEY = _SECRETS["key"]
GUEST_TOKEN_JWT_SECRET = _SECRETS["guests"]
GLOBAL_ASYNC_QUERIES_JWT_SECRET = _SECRETS["queries"]
SQLALCHEMY_DATABASE_URI = f"sqlite:///{_HOME / 'superset.db'}"
SESSION_COOKIE_NAME = "superset_session"  # cookies know no ports: Airflow stands on the same address
WTF_CSRF_ENABLED = True
ALEMBIC_SKIP_LOG_CONFIG = True


def DB_CONNECTION_MUTATOR(uri, params, *_):  # noqa: N802 - the name and the arguments are Superset's
    """Give the warehouse's address its password, which stands in no database: Superset logs what it is sent."""
    reader = make_url(json.loads((_HOME / "secrets.json").read_text())["reader"])
    is_warehouse = _place(uri) == _place(reader)
    return (reader if is_warehouse else uri), params


def _place(url):
    return url.username, url.host, url.port, url.database


# A browser asks this server and nobody else: Superset's own policy allows maps, fonts, and a pixel that counts users.
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "script-src": ["'self'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": False,
}
