"""GraphQL: documents checked against our schema, bounded, answered by views."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    build_schema,
    execute_sync,
    parse,
    specified_rules,
    validate,
)
from graphql.language import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
)

from homeostat.core import HomeostatError, NotFoundError

__all__ = ["answer", "changes", "schema"]

_log = logging.getLogger("homeostat.compat.wire")
_MOST_TOKENS = 5_000
_DEEPEST = 24
_LENIENT = {"VariablesInAllowedPositionRule"}
"""Rules left out: versions of the client declare some variables less strictly than we do."""


@cache
def schema() -> GraphQLSchema:
    """Return what can be asked."""
    text = files("homeostat.compat.wire").joinpath("schema.graphql").read_text("utf-8")
    return build_schema(text)


def answer(
    query: str,
    variables: Mapping[str, Any] | None,
    *,
    operation: str | None,
    root: object,
    context: object,
) -> tuple[dict[str, Any], int]:
    """Return the answer to one request (its data, and errors if any), and its HTTP status.

    The status is 404 where all that was asked for is not there, as clients expect it.

    Args:
        query: The document.
        variables: Values of its variables.
        operation: Which of its operations; None where it has one.
        root: Has a resolver for each field of the root types.
        context: Handed to resolvers.
    """
    checked = _checked(query)
    if not isinstance(checked, DocumentNode):
        return {"data": None, "errors": checked}, 200
    result = execute_sync(
        schema(),
        checked,
        root_value=root,
        context_value=context,
        variable_values=dict(variables or {}),
        operation_name=operation,
        field_resolver=_resolve,
        type_resolver=lambda value, *_: value.typename,
    )
    reply: dict[str, Any] = {"data": result.data}
    if not result.errors:
        return reply, 200
    reply["errors"] = [_told(error) for error in result.errors]
    absent = all(isinstance(error.original_error, NotFoundError) for error in result.errors)
    return reply, 404 if absent and not any((result.data or {}).values()) else 200


def changes(query: str) -> bool:
    """Say whether a document may change anything: whether it holds more than queries."""
    checked = _checked(query)
    return isinstance(checked, DocumentNode) and any(
        one.operation is not OperationType.QUERY
        for one in checked.definitions
        if isinstance(one, OperationDefinitionNode)
    )


@lru_cache(maxsize=512)
def _checked(query: str) -> DocumentNode | list[dict[str, Any]]:
    try:
        document = parse(query, no_location=True, max_tokens=_MOST_TOKENS)
        rules = [rule for rule in specified_rules if rule.__name__ not in _LENIENT]
        errors = validate(schema(), document, rules, max_errors=5)
        if not errors and _depth(document) > _DEEPEST:
            errors = [GraphQLError(f"A query may be {_DEEPEST} fields deep, this one is deeper.")]
    except GraphQLError as error:
        errors = [error]
    return [{"message": error.message} for error in errors] if errors else document


def _depth(document: DocumentNode) -> int:
    """Return how deep the fields of a valid document nest, fragments spread out."""
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }

    @cache
    def of_fragment(name: str) -> int:
        return below(fragments[name])

    def below(node: Any) -> int:  # noqa: ANN401 - any node with selections
        deepest = 0
        for one in node.selection_set.selections if node.selection_set else ():
            match one:
                case FieldNode():
                    deepest = max(deepest, 1 + below(one))
                case InlineFragmentNode():
                    deepest = max(deepest, below(one))
                case FragmentSpreadNode():
                    deepest = max(deepest, of_fragment(one.name.value))
        return deepest

    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    return max((below(one) for one in operations), default=0)


def _told(error: GraphQLError) -> dict[str, Any]:
    """Return an error as the client reads it; what is no fault of the asker is not told."""
    cause = error.original_error
    if cause is None or isinstance(cause, HomeostatError):
        return {"message": error.message, "path": error.path}
    _log.error("The field %s failed.", error.path, exc_info=cause)
    return {"message": "The server failed; its terminal shows why.", "path": error.path}


def _resolve(source: Any, info: GraphQLResolveInfo[Any], **given: Any) -> Any:  # noqa: ANN401 - any field
    """Return a field: a key or an attribute, called with the arguments if it can be."""
    name = _snake(info.field_name)
    found = source.get(name) if isinstance(source, dict) else getattr(source, name, None)
    if not callable(found):
        return found
    arguments = {_snake(key): value for key, value in given.items()}
    call: Callable[..., Any] = found
    return call(**arguments)


@lru_cache(maxsize=4096)
def _snake(name: str) -> str:
    """Return a field's name as Python writes it.

    Example:
        >>> _snake("clientIDMapping"), _snake("uploadMultipartUrls"), _snake("md5")
        ('client_id_mapping', 'upload_multipart_urls', 'md5')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
