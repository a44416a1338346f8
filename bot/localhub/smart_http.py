"""git over HTTP: `git http-backend` as a CGI process, with localhub's accounts in front and its bookkeeping behind."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from typing import IO

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from bot.localhub import access, app_access, refs
from bot.localhub.api.context import basic_password, hub_of
from bot.localhub.environment import environment
from bot.localhub.errors import HubError
from bot.localhub.hub import Hub
from bot.localhub.models import Account, Repository

router = APIRouter()
MAX_BODY = 64 * 1024 * 1024 + 1024 * 1024  # a pack of receive.maxInputSize and the commands before it
_CHUNK = 64 * 1024


@router.get("/{owner}/{name}.git/info/refs")
async def info_refs(request: Request, owner: str, name: str, service: str = "") -> Response:
    """What the repository has; for a push, whether the account may push."""
    if service not in ("git-upload-pack", "git-receive-pack"):
        return PlainTextResponse("Only the smart HTTP protocol is spoken here.\n", 403)
    return await _serve(request, owner, name, "info/refs", pushing=service == "git-receive-pack")


@router.post("/{owner}/{name}.git/git-upload-pack")
async def upload_pack(request: Request, owner: str, name: str) -> Response:
    """Fetch; anybody may."""
    return await _serve(request, owner, name, "git-upload-pack", pushing=False)


@router.post("/{owner}/{name}.git/git-receive-pack")
async def receive_pack(request: Request, owner: str, name: str) -> Response:
    """Push: afterwards pull requests have moved and webhooks are in the log."""
    return await _serve(request, owner, name, "git-receive-pack", pushing=True)


async def _serve(request: Request, owner: str, name: str, service: str, *, pushing: bool) -> Response:
    hub = hub_of(request)
    try:
        repository = await run_in_threadpool(hub.repository, f"{owner}/{name}")
        account = await run_in_threadpool(_authenticate, hub, request, repository, pushing)
    except HubError as error:
        headers = {"WWW-Authenticate": 'Basic realm="localhub"'} if error.status == 401 else {}
        return PlainTextResponse(error.message + "\n", error.status, headers)
    body = tempfile.SpooledTemporaryFile(max_size=1024 * 1024)  # noqa: SIM115 - _cgi closes it
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY:
            body.close()
            return PlainTextResponse(f"A push may have at most {MAX_BODY} bytes.\n", 413)
        body.write(chunk)
    body.rollover()
    body.seek(0)
    variables = _variables(hub, request, repository, account, service, size)
    if service != "git-receive-pack" or account is None:
        return await _cgi(variables, body)
    response = await _cgi(variables, body, whole=True)
    await run_in_threadpool(refs.observe, hub, repository, account.login)
    return response


def _authenticate(hub: Hub, request: Request, repository: Repository, pushing: bool) -> Account | None:
    """The account of user and token; raises 401 for wrong ones, and for none where they are needed.

    Raises 403 for an App's token that may not push here.
    """
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        if pushing:
            raise HubError(401, "Pushing needs a login and a token as password.")
        return None
    login, token = basic_password(value)
    account = hub.account_of_token(token)
    # As on GitHub, an App's token comes with the user name x-access-token.
    if account is None or login.lower() not in (account.login.lower(), "x-access-token"):
        raise HubError(401, "Login or token is wrong.")
    if pushing:
        app_access.check_push(hub, token, repository)
    return account


def _variables(
    hub: Hub, request: Request, repository: Repository, account: Account | None, service: str, size: int
) -> dict[str, str]:
    """The CGI environment. What the account may push comes along for `pre-receive`."""
    allowed = access.pushes(hub, repository, account) if account else access.Pushes(free=False)
    path = hub.git(repository).path.relative_to(hub.state_dir / "repositories")
    return environment(
        GIT_PROJECT_ROOT=str(hub.state_dir / "repositories"),
        GIT_HTTP_EXPORT_ALL="1",
        GIT_PROTOCOL=request.headers.get("git-protocol", ""),
        PATH_INFO=f"/{path}/{service}",
        REQUEST_METHOD=request.method,
        QUERY_STRING=request.url.query,
        CONTENT_TYPE=request.headers.get("content-type", ""),
        CONTENT_LENGTH=str(size),
        HTTP_CONTENT_ENCODING=request.headers.get("content-encoding", ""),
        REMOTE_USER=account.login if account else "",
        REMOTE_ADDR=request.client.host if request.client else "",
        GIT_CONFIG_COUNT="1",
        GIT_CONFIG_KEY_0="core.hooksPath",
        GIT_CONFIG_VALUE_0=str(hub.hooks_path),
        **allowed.variables(),
    )


async def _cgi(variables: dict[str, str], body: IO[bytes], *, whole: bool = False) -> Response:
    """Run http-backend; `whole` waits for the end, so that what follows sees the refs moved."""
    with body:
        process = await asyncio.create_subprocess_exec(
            "git",
            "http-backend",
            stdin=body,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=variables,
        )
    if process.stdout is None:
        raise RuntimeError("git http-backend started without a pipe")
    status, headers = await _head(process.stdout)
    if whole:
        content = await process.stdout.read()
        await process.wait()
        return Response(content, status, headers)
    return StreamingResponse(_rest(process, process.stdout), status, headers)


async def _head(stream: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    status, headers = 200, {}
    while line := (await stream.readline()).decode("latin-1").strip():
        name, _, value = line.partition(": ")
        if name.lower() == "status":
            status = int(value.split()[0])
        else:
            headers[name] = value
    return (status, headers) if headers or status != 200 else (500, headers)


async def _rest(process: asyncio.subprocess.Process, stream: asyncio.StreamReader) -> AsyncIterator[bytes]:
    try:
        while chunk := await stream.read(_CHUNK):
            yield chunk
    finally:
        if process.returncode is None and not stream.at_eof():
            process.kill()  # the client went away
        await process.wait()
