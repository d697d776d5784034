import pytest
from botocore.eventstream import ChecksumMismatch, EventStreamBuffer

from local import eventstream

GOLDEN = bytes.fromhex(
    "0000007700000052abb5d36e0b3a6576656e742d7479706507000c6d65737361676553746172740d3a636f6e74656e742d747970650700"
    "106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d747970650700056576656e747b22726f6c65223a2022617373697374"
    "616e74227d5be0d2f5"
)


def test_a_frame_is_byte_for_byte_what_botocore_was_seen_to_read() -> None:
    assert eventstream.encode("messageStart", b'{"role": "assistant"}') == GOLDEN


def test_botocore_reads_every_kind_of_frame() -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(eventstream.encode("contentBlockStop", b"{}"))
    buffer.add_data(eventstream.encode_exception("throttlingException", b'{"message": "slow"}'))
    buffer.add_data(eventstream.encode_error("SomeCode", "words"))
    event, exception, error = list(buffer)
    assert event.headers[":event-type"] == "contentBlockStop"
    assert exception.headers[":exception-type"] == "throttlingException"
    assert error.headers == {":error-code": "SomeCode", ":error-message": "words", ":message-type": "error"}


def test_a_spoiled_frame_fails_its_checksum() -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(eventstream.spoil_crc(GOLDEN))
    with pytest.raises(ChecksumMismatch):
        next(buffer)
