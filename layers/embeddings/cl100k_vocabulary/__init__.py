"""The vocabulary of OpenAI's cl100k_base encoding: data only, no code.

`cl100k_base.tiktoken.gz` is OpenAI's published file, unchanged but for gzip (`gzip -9n`). Each of its 100,256 lines is
a token's bytes in base64, a space, and the token's id. Unpacked it has 1,681,126 bytes and the SHA-256
223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7, which is what tiktoken itself expects of it
(`tiktoken_ext/openai_public.py`). It comes with tiktoken's licence, MIT, in `LICENSE`.
"""
