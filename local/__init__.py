"""What exists only on a laptop: a Bedrock that answers on loopback, and what is built on it. Never deployed."""
