"""Measures the gateway beside its peers, over the emulator, on loopback. `./dev bench` prints the table."""
