"""Routes that change threads once: FastAPI does it for each dependency, the endpoint and the check of its answer."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool


class OneHop(APIRoute):
    """Runs the endpoint in a thread, all else on the event loop. Its dependencies must be `async` and not block."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint if inspect.iscoroutinefunction(endpoint) else _in_thread(endpoint), **options)


def _in_thread(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    async def run(**values: Any) -> Any:
        return await run_in_threadpool(endpoint, **values)

    hints = get_type_hints(endpoint, include_extras=True)
    signature = inspect.signature(endpoint)
    parameters = [part.replace(annotation=hints[part.name]) for part in signature.parameters.values()]
    answer = None if hints["return"] is type(None) else hints["return"]
    run.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=parameters, return_annotation=answer
    )
    run.__name__, run.__doc__, run.__module__ = endpoint.__name__, endpoint.__doc__, endpoint.__module__
    return run
