"""The pieces of jsonrpcserver that hived drives by itself, under one roof.

They are not in the library's public list: its version is pinned, and tests/rpc/test_jsonrpc.py
holds what is relied on here.
"""

import warnings

with warnings.catch_warnings():
    # The library reads its schema by a deprecated function when it is imported.
    warnings.simplefilter("ignore", DeprecationWarning)
    from jsonrpcserver.async_dispatcher import dispatch_request
    from jsonrpcserver.codes import ERROR_METHOD_NOT_FOUND
    from jsonrpcserver.dispatcher import (
        create_request,
        deserialize_request,
        extract_list,
        not_notification,
        to_response,
        validate_request,
    )
    from jsonrpcserver.exceptions import JsonRpcError
    from jsonrpcserver.request import Request
    from jsonrpcserver.response import ErrorResponse, to_serializable
    from jsonrpcserver.result import Success
    from jsonrpcserver.sentinels import NOID
    from oslash.either import Left

__all__ = [
    "ERROR_METHOD_NOT_FOUND",
    "NOID",
    "ErrorResponse",
    "JsonRpcError",
    "Left",
    "Request",
    "Success",
    "create_request",
    "deserialize_request",
    "dispatch_request",
    "extract_list",
    "not_notification",
    "to_response",
    "to_serializable",
    "validate_request",
]
