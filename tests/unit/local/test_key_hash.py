"""`./dev hash`: the digest is the one that the gateway compares with, and the key is nowhere but where it belongs."""

from __future__ import annotations

import getpass
import hashlib
import io
import re
import sys

import pytest

from local import key_hash

KEY = "sk-0123456789abcdefghij"


def hashed(monkeypatch: pytest.MonkeyPatch, text: str) -> int:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    return key_hash.main([])


def test_a_line_of_standard_input_gives_its_hash_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hashed(monkeypatch, f"  {KEY}\nignored\n") == 0
    assert capsys.readouterr().out == hashlib.sha256(KEY.encode()).hexdigest() + "\n"


def test_at_a_terminal_it_asks_without_echo(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(getpass, "getpass", lambda prompt: KEY)
    assert key_hash.main([]) == 0
    shown = capsys.readouterr()
    assert shown.out.strip() == key_hash.digest(KEY)
    assert KEY not in shown.out + shown.err


def test_whoever_gives_up_at_the_terminal_gets_no_stack_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(prompt: str) -> str:
        raise KeyboardInterrupt

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(getpass, "getpass", interrupt)
    assert key_hash.main([]) == 2
    assert "at least 20 characters" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "\n", "sk-short\n"])
def test_a_key_that_could_be_guessed_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    assert hashed(monkeypatch, text) == 2
    assert capsys.readouterr().out == ""


def test_a_new_key_comes_last_and_its_hash_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert key_hash.main(["--new"]) == 0
    shown = capsys.readouterr()
    first, last = shown.out.splitlines()
    assert re.fullmatch(r"sk-[A-Za-z0-9_-]{43}", last)
    assert first == hashlib.sha256(last.encode()).hexdigest()
    assert last not in shown.err
    key_hash.main(["--new"])
    assert last not in capsys.readouterr().out


def test_a_key_is_no_argument() -> None:
    with pytest.raises(SystemExit, match="2"):
        key_hash.main([KEY])
