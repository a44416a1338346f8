"""The tables of localhub, and the steps that bring a file of an earlier version to them."""

from __future__ import annotations

import sqlite3

FIRST = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS accounts (
  id INTEGER PRIMARY KEY, login TEXT NOT NULL UNIQUE COLLATE NOCASE, kind TEXT NOT NULL, created_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS tokens (sha256 TEXT PRIMARY KEY, login TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS repositories (
  id INTEGER PRIMARY KEY, owner TEXT NOT NULL COLLATE NOCASE, name TEXT NOT NULL COLLATE NOCASE,
  default_branch TEXT NOT NULL, description TEXT NOT NULL, created_at REAL NOT NULL, pushed_at REAL NOT NULL,
  UNIQUE (owner, name));
CREATE TABLE IF NOT EXISTS permissions (
  repository_id INTEGER NOT NULL, login TEXT NOT NULL COLLATE NOCASE, level TEXT NOT NULL,
  PRIMARY KEY (repository_id, login));
CREATE TABLE IF NOT EXISTS refs (
  repository_id INTEGER NOT NULL, name TEXT NOT NULL, sha TEXT NOT NULL, PRIMARY KEY (repository_id, name));
CREATE TABLE IF NOT EXISTS pulls (
  id INTEGER PRIMARY KEY, repository_id INTEGER NOT NULL, number INTEGER NOT NULL, title TEXT NOT NULL,
  body TEXT NOT NULL, author TEXT NOT NULL, state TEXT NOT NULL, draft INTEGER NOT NULL,
  head_ref TEXT NOT NULL, head_sha TEXT NOT NULL,
  base_ref TEXT NOT NULL, base_sha TEXT NOT NULL, created_at REAL NOT NULL, updated_at REAL NOT NULL, closed_at REAL,
  merged_at REAL, merged_by TEXT, merge_commit_sha TEXT, UNIQUE (repository_id, number));
CREATE TABLE IF NOT EXISTS comments (
  id INTEGER PRIMARY KEY AUTOINCREMENT, pull_id INTEGER NOT NULL, author TEXT NOT NULL, body TEXT NOT NULL,
  created_at REAL NOT NULL, updated_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS comments_of_pull ON comments (pull_id, id);
CREATE TABLE IF NOT EXISTS timeline (
  id INTEGER PRIMARY KEY, pull_id INTEGER NOT NULL, actor TEXT NOT NULL, kind TEXT NOT NULL, detail TEXT NOT NULL,
  created_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS reactions (
  id INTEGER PRIMARY KEY, comment_id INTEGER NOT NULL, author TEXT NOT NULL, content TEXT NOT NULL,
  created_at REAL NOT NULL, UNIQUE (comment_id, author, content));
CREATE TABLE IF NOT EXISTS labels (
  id INTEGER PRIMARY KEY, repository_id INTEGER NOT NULL, name TEXT NOT NULL COLLATE NOCASE, color TEXT NOT NULL,
  description TEXT NOT NULL, UNIQUE (repository_id, name));
CREATE TABLE IF NOT EXISTS pull_labels (
  pull_id INTEGER NOT NULL, label_id INTEGER NOT NULL, PRIMARY KEY (pull_id, label_id));
CREATE TABLE IF NOT EXISTS check_runs (
  id INTEGER PRIMARY KEY, repository_id INTEGER NOT NULL, head_sha TEXT NOT NULL, name TEXT NOT NULL, app TEXT NOT NULL,
  external_id TEXT NOT NULL, details_url TEXT, status TEXT NOT NULL, conclusion TEXT, started_at REAL NOT NULL,
  completed_at REAL, title TEXT, summary TEXT, text TEXT);
CREATE INDEX IF NOT EXISTS check_runs_of_commit ON check_runs (repository_id, head_sha, id);
CREATE TABLE IF NOT EXISTS annotations (
  id INTEGER PRIMARY KEY, check_run_id INTEGER NOT NULL, path TEXT NOT NULL, start_line INTEGER NOT NULL,
  end_line INTEGER NOT NULL, start_column INTEGER, end_column INTEGER, annotation_level TEXT NOT NULL, title TEXT,
  message TEXT NOT NULL, raw_details TEXT);
CREATE INDEX IF NOT EXISTS annotations_of_check_run ON annotations (check_run_id, id);
CREATE TABLE IF NOT EXISTS hooks (
  id INTEGER PRIMARY KEY, repository_id INTEGER NOT NULL, url TEXT NOT NULL, secret TEXT NOT NULL, events TEXT NOT NULL,
  created_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS deliveries (
  id INTEGER PRIMARY KEY AUTOINCREMENT, hook_id INTEGER NOT NULL, guid TEXT NOT NULL, event TEXT NOT NULL, action TEXT,
  body BLOB NOT NULL, redelivery INTEGER NOT NULL, created_at REAL NOT NULL, delivered_at REAL, duration REAL NOT NULL,
  status TEXT NOT NULL, status_code INTEGER NOT NULL, request_headers TEXT NOT NULL, response_headers TEXT NOT NULL,
  response_body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS deliveries_waiting ON deliveries (id) WHERE delivered_at IS NULL;
"""

# Each step runs once; `PRAGMA user_version` counts those that a file has had. Append only, never edit: files of every
# earlier version must still open. What `ALTER TABLE` adds needs a default.
STEPS: tuple[str, ...] = (
    """
ALTER TABLE repositories ADD COLUMN parent_id INTEGER;
ALTER TABLE repositories ADD COLUMN source_id INTEGER;
ALTER TABLE pulls ADD COLUMN head_owner TEXT NOT NULL DEFAULT '';
ALTER TABLE pulls ADD COLUMN head_repository_id INTEGER;
ALTER TABLE pulls ADD COLUMN maintainer_can_modify INTEGER NOT NULL DEFAULT 0;
UPDATE pulls SET head_repository_id = repository_id,
  head_owner = (SELECT owner FROM repositories r WHERE r.id = pulls.repository_id);
CREATE INDEX pulls_of_head ON pulls (head_repository_id, head_ref, state);
CREATE INDEX pulls_of_base ON pulls (repository_id, state, number);
CREATE INDEX pulls_of_sha ON pulls (repository_id, head_sha);
CREATE INDEX timeline_of_pull ON timeline (pull_id, id);
ALTER TABLE comments ADD COLUMN minimized TEXT;
ALTER TABLE check_runs ADD COLUMN actions TEXT NOT NULL DEFAULT '[]';
CREATE TABLE reviews (
  id INTEGER PRIMARY KEY AUTOINCREMENT, pull_id INTEGER NOT NULL, author TEXT NOT NULL, state TEXT NOT NULL,
  body TEXT NOT NULL, commit_sha TEXT NOT NULL, submitted_at REAL NOT NULL);
CREATE INDEX reviews_of_pull ON reviews (pull_id, id);
CREATE TABLE review_comments (
  id INTEGER PRIMARY KEY AUTOINCREMENT, review_id INTEGER NOT NULL, pull_id INTEGER NOT NULL, author TEXT NOT NULL,
  path TEXT NOT NULL, start_line INTEGER, line INTEGER NOT NULL, start_side TEXT, side TEXT NOT NULL,
  position INTEGER NOT NULL, body TEXT NOT NULL, diff_hunk TEXT NOT NULL, commit_sha TEXT NOT NULL,
  blob_sha TEXT NOT NULL, created_at REAL NOT NULL, updated_at REAL NOT NULL);
CREATE INDEX review_comments_of_pull ON review_comments (pull_id, id);
CREATE TABLE statuses (
  id INTEGER PRIMARY KEY AUTOINCREMENT, repository_id INTEGER NOT NULL, sha TEXT NOT NULL, context TEXT NOT NULL,
  state TEXT NOT NULL, description TEXT, target_url TEXT, creator TEXT NOT NULL, created_at REAL NOT NULL);
CREATE INDEX statuses_of_commit ON statuses (repository_id, sha, id);
CREATE TABLE assignees (
  pull_id INTEGER NOT NULL, login TEXT NOT NULL COLLATE NOCASE, PRIMARY KEY (pull_id, login));
""",
    """
ALTER TABLE hooks ADD COLUMN app_id INTEGER;
ALTER TABLE deliveries ADD COLUMN installation_id INTEGER;
ALTER TABLE deliveries ADD COLUMN repository_id INTEGER;
UPDATE deliveries SET repository_id = (SELECT repository_id FROM hooks h WHERE h.id = deliveries.hook_id);
CREATE INDEX deliveries_of_hook ON deliveries (hook_id, id);
CREATE TABLE apps (
  id INTEGER PRIMARY KEY, slug TEXT NOT NULL UNIQUE COLLATE NOCASE, name TEXT NOT NULL,
  owner TEXT NOT NULL COLLATE NOCASE, description TEXT NOT NULL, url TEXT NOT NULL, client_id TEXT NOT NULL UNIQUE,
  public_key TEXT NOT NULL, permissions TEXT NOT NULL, events TEXT NOT NULL, created_at REAL NOT NULL);
CREATE TABLE installations (
  id INTEGER PRIMARY KEY AUTOINCREMENT, app_id INTEGER NOT NULL, owner TEXT NOT NULL COLLATE NOCASE,
  selection TEXT NOT NULL, permissions TEXT NOT NULL, events TEXT NOT NULL, created_at REAL NOT NULL,
  updated_at REAL NOT NULL, UNIQUE (app_id, owner));
CREATE TABLE installation_repositories (
  installation_id INTEGER NOT NULL, repository_id INTEGER NOT NULL, PRIMARY KEY (installation_id, repository_id));
CREATE TABLE installation_tokens (
  sha256 TEXT PRIMARY KEY, installation_id INTEGER NOT NULL, permissions TEXT NOT NULL, repositories TEXT,
  expires_at REAL NOT NULL);
CREATE TABLE manifest_codes (
  sha256 TEXT PRIMARY KEY, app_id INTEGER NOT NULL, pem TEXT NOT NULL, client_secret TEXT NOT NULL,
  webhook_secret TEXT NOT NULL, expires_at REAL NOT NULL);
""",
)


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables of a new file, or bring an older file up to date."""
    connection.executescript(FIRST)
    done = int(connection.execute("PRAGMA user_version").fetchone()[0])
    for number, step in enumerate(STEPS[done:], done + 1):
        connection.executescript(f"BEGIN IMMEDIATE;{step};PRAGMA user_version = {number};COMMIT;")
