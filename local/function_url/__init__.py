"""A local Lambda Function URL: the staged build under the real Web Adapter, with Lambda's life cycle and limits.

`python -m local.function_url` serves it; in tests and benchmarks it is an object: `with FunctionUrl(build, env) as url`.
"""

from local.function_url.server import FunctionUrl

__all__ = ["FunctionUrl"]
