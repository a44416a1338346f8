"""What can be asked about Apps, where they are installed, and what their tokens allow."""

from __future__ import annotations

import hashlib
import json

from bot.localhub.db import Database
from bot.localhub.models import App, Grant, Hook, Installation, Repository

TOKEN_PREFIX = "ghs_"  # noqa: S105 - how GitHub begins every installation token
_COVERS = (
    "installations.owner = ? AND (selection = 'all' OR EXISTS (SELECT 1 FROM installation_repositories r "
    "WHERE r.installation_id = installations.id AND r.repository_id = ?))"
)


def digest(secret: str) -> str:
    """How tokens and codes are kept."""
    return hashlib.sha256(secret.encode()).hexdigest()


def app(db: Database, app_id: int) -> App | None:
    """The App with this id."""
    return db.row(App, "SELECT * FROM apps WHERE id = ?", app_id)


def app_of_slug(db: Database, slug: str) -> App | None:
    """The App with this slug, whatever its case."""
    return db.row(App, "SELECT * FROM apps WHERE slug = ?", slug)


def app_of_login(db: Database, login: str) -> App | None:
    """The App that acts as `login`; None for people, and for bots that are accounts only."""
    return app_of_slug(db, login.removesuffix("[bot]")) if login.endswith("[bot]") else None


def app_of_issuer(db: Database, issuer: str) -> App | None:
    """The App that a JWT names by id or by client id."""
    return db.row(App, "SELECT * FROM apps WHERE client_id = ? OR CAST(id AS TEXT) = ?", issuer, issuer)


def apps(db: Database) -> list[App]:
    """All Apps, oldest first."""
    return db.rows(App, "SELECT * FROM apps ORDER BY id")


def hook_of(db: Database, app: App) -> Hook | None:
    """The App's one webhook; None where it has no address yet."""
    return db.row(Hook, "SELECT * FROM hooks WHERE app_id = ? AND url != ''", app.id)


def installation(db: Database, installation_id: int) -> Installation | None:
    """One installation."""
    return db.row(Installation, "SELECT * FROM installations WHERE id = ?", installation_id)


def installations_of(db: Database, app: App) -> list[Installation]:
    """Where an App is installed, oldest first."""
    return db.rows(Installation, "SELECT * FROM installations WHERE app_id = ? ORDER BY id", app.id)


def installed_on(db: Database, app: App, repository: Repository) -> Installation | None:
    """The App's installation that covers a repository."""
    query = f"SELECT * FROM installations WHERE app_id = ? AND {_COVERS}"  # noqa: S608 - a constant
    return db.row(Installation, query, app.id, repository.owner, repository.id)


def covering(db: Database, repository: Repository) -> list[Installation]:
    """Every App's installation that covers a repository, oldest first."""
    query = f"SELECT * FROM installations WHERE {_COVERS} ORDER BY id"  # noqa: S608 - a constant
    return db.rows(Installation, query, repository.owner, repository.id)


def repositories(db: Database, row: Installation) -> list[Repository]:
    """What an installation covers, by name."""
    query = (
        "SELECT * FROM repositories WHERE owner = ? AND (? = 'all' OR id IN "
        "(SELECT repository_id FROM installation_repositories WHERE installation_id = ?)) ORDER BY name"
    )
    return db.rows(Repository, query, row.owner, row.selection, row.id)


def grant(db: Database, token: str, now: float) -> Grant | None:
    """What an installation token allows; None for a wrong one and for one that has expired."""
    if not token.startswith(TOKEN_PREFIX):
        return None
    query = "SELECT * FROM installation_tokens WHERE sha256 = ? AND expires_at > ?"
    return db.row(Grant, query, digest(token), now)


def granted_repositories(db: Database, allowed: Grant) -> list[Repository]:
    """The repositories that a token reaches: those of its installation, or the ones that it was narrowed to."""
    row = installation(db, allowed.installation_id)
    found = repositories(db, row) if row else []
    if allowed.repositories is None:
        return found
    chosen = set(json.loads(allowed.repositories))
    return [repository for repository in found if repository.id in chosen]
