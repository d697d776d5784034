"""A Bedrock that speaks the real wire on loopback, for tests, benchmarks and agents in the making.

`python -m local.emulator --port N` serves both services, `bedrock-runtime` and `bedrock`, on one port; in a test,
`with Emulator() as e:` does the same in a thread. `local/README.md` lists what it can be asked to rehearse.
"""

from local.emulator.messages import Delivery
from local.emulator.record import Recorded
from local.emulator.server import Emulator
from local.emulator.settings import Settings

__all__ = ["Delivery", "Emulator", "Recorded", "Settings"]
