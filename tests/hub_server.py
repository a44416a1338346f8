"""A small Hugging Face Hub over HTTP: repositories with commits, tags and large files, and bad days on demand.

It speaks what `huggingface_hub` asks when a model is published and downloaded: create, preupload, LFS batch, commit,
tags, refs, trees, resolve.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

Play = Callable[[str, str], Response | None]
"""Called with method and path of each request; what it returns is sent, None lets the hub answer."""
LARGE = (".safetensors", ".gguf")
TOKEN = "hf_publisher"


def refuse(status: int, error: str) -> JSONResponse:
    """An error as the hub words it."""
    return JSONResponse({"error": error}, status, {"x-error-message": error})


@dataclass
class Commit:
    oid: str
    parent: str
    message: str
    files: dict[str, bytes]


@dataclass
class Repo:
    commits: dict[str, Commit] = field(default_factory=dict)
    head: str = ""
    tags: dict[str, str] = field(default_factory=dict)

    def commit(self, message: str, files: dict[str, bytes]) -> Commit:
        names = "".join(f"{path}:{hashlib.sha1(data).hexdigest()}\n" for path, data in sorted(files.items()))
        oid = hashlib.sha1(f"{self.head}{message}{names}".encode()).hexdigest()
        self.commits[oid] = Commit(oid, self.head, message, files)
        self.head = oid
        return self.commits[oid]

    def at(self, revision: str) -> Commit | None:
        return self.commits.get(self.head if revision == "main" else self.tags.get(revision, revision))


class HubServer:
    """Serves `repos` at `url`, on a loop in its own thread, until it is closed. `seen`: method and path of requests."""

    def __init__(self, *, play: Play | None = None) -> None:
        self.play = play
        self.repos: dict[str, Repo] = {}
        self.large: dict[str, bytes] = {}
        self.seen: list[tuple[str, str]] = []
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(self._app(), log_level="critical", access_log=False, lifespan="off", loop="asyncio")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join()
        self._socket.close()

    def _app(self) -> FastAPI:
        app = FastAPI()

        @app.api_route("/{path:path}", methods=["GET", "HEAD", "POST", "PUT", "DELETE"])
        async def answer(request: Request, path: str) -> Response:
            self.seen.append((request.method, path))
            if self.play is not None and (played := self.play(request.method, path)) is not None:
                return played
            return self._answer(request, path, await request.body())

        return app

    def _answer(self, request: Request, path: str, body: bytes) -> Response:
        if path.startswith("lfs-upload/"):
            self.large[path.removeprefix("lfs-upload/")] = body
            return Response()
        if "/resolve/" in path:
            return self._resolve(path)
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return refuse(401, "Invalid credentials in Authorization header")
        if path == "api/validate-yaml":
            return JSONResponse({"errors": [], "warnings": []})
        if path == "api/repos/create":
            return self._create(json.loads(body))
        if path.endswith(".git/info/lfs/objects/batch"):
            return self._batch(json.loads(body))
        _, _, owner, name, *rest = path.split("/")
        repo = self.repos.get(f"{owner}/{name}")
        if repo is None:
            return JSONResponse({"error": "Repository not found"}, 404, {"x-error-code": "RepoNotFound"})
        return self._about(request.method, repo, f"{owner}/{name}", rest, body)

    def _create(self, asked: dict[str, Any]) -> Response:
        name = f"{asked['organization']}/{asked['name']}"
        if name in self.repos:
            return JSONResponse({"error": "You already created this model repo", "url": f"{self.url}/{name}"}, 409)
        self.repos[name] = Repo()
        self.repos[name].commit("initial commit", {".gitattributes": b"*.safetensors filter=lfs\n"})
        return JSONResponse({"url": f"{self.url}/{name}"})

    def _batch(self, asked: dict[str, Any]) -> Response:
        def one(wanted: dict[str, Any]) -> dict[str, Any]:
            if wanted["oid"] in self.large:
                return wanted
            return wanted | {"actions": {"upload": {"href": f"{self.url}/lfs-upload/{wanted['oid']}"}}}

        return JSONResponse({"transfer": "basic", "objects": [one(wanted) for wanted in asked["objects"]]})

    def _about(self, method: str, repo: Repo, name: str, rest: list[str], body: bytes) -> Response:
        what, revision = rest[0], "/".join(rest[1:])
        if what == "refs":
            tags = [{"name": tag, "ref": f"refs/tags/{tag}", "targetCommit": oid} for tag, oid in repo.tags.items()]
            main = {"name": "main", "ref": "refs/heads/main", "targetCommit": repo.head}
            return JSONResponse({"branches": [main], "tags": tags, "converts": []})
        if what == "tag" and method == "DELETE":
            del repo.tags[revision]
            return Response()
        commit = repo.at(revision)
        if commit is None:
            return JSONResponse({"error": "Invalid rev id"}, 404, {"x-error-code": "RevisionNotFound"})
        if what == "revision":
            siblings = [{"rfilename": path} for path in commit.files]
            return JSONResponse({"id": name, "sha": commit.oid, "siblings": siblings, "tags": []})
        if what == "tree":
            entries = [
                {"type": "file", "path": path, "oid": _oid(path, data), "size": len(data)}
                for path, data in sorted(commit.files.items())
            ]
            return JSONResponse(entries)
        if what == "tag":
            repo.tags[json.loads(body)["tag"]] = commit.oid
            return Response()
        if what == "preupload":
            return self._preupload(commit, json.loads(body))
        return self._commit(repo, name, [json.loads(line) for line in body.splitlines()])

    def _preupload(self, commit: Commit, asked: dict[str, Any]) -> Response:
        def one(path: str) -> dict[str, Any]:
            mode = "lfs" if path.endswith(LARGE) else "regular"
            oid = _oid(path, commit.files[path]) if path in commit.files else None
            return {"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid}

        return JSONResponse({"files": [one(file["path"]) for file in asked["files"]]})

    def _commit(self, repo: Repo, name: str, lines: list[dict[str, Any]]) -> Response:
        """All of it or nothing, as the hub does."""
        files = dict(repo.commits[repo.head].files)
        for line in lines:
            value = line["value"]
            if line["key"] == "header" and value.get("parentCommit", repo.head) != repo.head:
                return refuse(412, "A commit has happened since. Please refresh and try again.")
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            if line["key"] == "lfsFile":
                if value["oid"] not in self.large:
                    return refuse(400, f"{value['path']}: no such object {value['oid']}")
                files[value["path"]] = self.large[value["oid"]]
            if line["key"] == "deletedFile":
                del files[value["path"]]
        made = repo.commit(lines[0]["value"]["summary"], files)
        return JSONResponse({"commitUrl": f"{self.url}/{name}/commit/{made.oid}", "commitOid": made.oid})

    def _resolve(self, path: str) -> Response:
        name, _, rest = path.partition("/resolve/")
        revision, _, file = rest.partition("/")
        commit = self.repos[name].at(revision) if name in self.repos else None
        if commit is None or file not in commit.files:
            return JSONResponse({"error": "Entry not found"}, 404, {"x-error-code": "EntryNotFound"})
        data = commit.files[file]
        return Response(data, headers={"x-repo-commit": commit.oid, "etag": f'"{_oid(file, data)}"'})


def _oid(path: str, data: bytes) -> str:
    """As git names it, or for a large file its SHA-256."""
    if path.endswith(LARGE):
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
