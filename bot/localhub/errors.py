"""Refusals, as GitHub words them."""

from __future__ import annotations

DOCUMENTATION = "https://docs.github.com/rest"


class HubError(Exception):
    """A refusal with an HTTP status, a message for the reader, and GitHub's list of field errors."""

    def __init__(
        self,
        status: int,
        message: str,
        errors: list[dict[str, str]] | list[str] | None = None,
        *,
        documentation: str = DOCUMENTATION,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors
        self.documentation = documentation

    def body(self) -> dict[str, object]:
        """The JSON body that GitHub would send."""
        extra: dict[str, object] = {"errors": self.errors} if self.errors else {}
        return {"message": self.message, **extra, "documentation_url": self.documentation, "status": str(self.status)}


def not_found() -> HubError:
    """404 as GitHub says it; also where the caller may not know that something exists."""
    return HubError(404, "Not Found")


def invalid(resource: str, field: str, message: str) -> HubError:
    """422 for one field."""
    detail = {"resource": resource, "code": "custom", "field": field, "message": message}
    return HubError(422, f"Validation Failed: {message}", [detail])
