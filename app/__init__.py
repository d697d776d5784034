"""An OpenAI-compatible gateway for Amazon Bedrock."""

__version__ = "0.1.0"
