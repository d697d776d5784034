"""The process without its process: arguments and exit codes. How it really starts and ends is in tests/wire."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from app import serve


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def served(monkeypatch: pytest.MonkeyPatch, *, started: bool = True) -> list[uvicorn.Config]:
    """Makes the server one that only notes its configuration."""
    seen: list[uvicorn.Config] = []

    def run(server: uvicorn.Server) -> None:
        server.started = started
        seen.append(server.config)

    monkeypatch.setattr(uvicorn.Server, "run", run)
    monkeypatch.setattr(sys, "argv", ["serve", "--host", "127.0.0.1"])
    monkeypatch.setattr("app.meter.log.start_logging", lambda level, *, as_json: None)
    monkeypatch.setenv("API_KEY", "sk-1")
    return seen


def test_it_serves_as_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = served(monkeypatch)
    monkeypatch.setenv("PORT", "8123")
    assert serve.main() == 0
    (config,) = seen
    assert (config.host, config.port, config.access_log, config.proxy_headers) == ("127.0.0.1", 8123, False, False)
    assert not config.ws_per_message_deflate, "a small frame would inflate without a limit"


def test_a_server_that_did_not_start_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    served(monkeypatch, started=False)
    assert serve.main() == 3


def test_settings_that_cannot_be_used_are_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert served(monkeypatch) == []
    monkeypatch.setenv("API_KEY", "")
    assert serve.main() == 2
    assert "API_KEY_SECRET_ARN" in capsys.readouterr().err


def test_on_lambda_a_wrong_setting_is_a_line_of_the_log_that_names_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    formats: list[bool] = []
    served(monkeypatch)
    monkeypatch.setattr("app.meter.log.start_logging", lambda level, *, as_json: formats.append(as_json))
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "gateway")
    monkeypatch.setenv("MAX_TOOLS", "many")
    assert serve.main() == 2
    assert formats == [True]
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert "MAX_TOOLS" in record.getMessage()
    assert "many" not in record.getMessage()


@pytest.mark.parametrize("arguments", [["--port", "1"], ["--host"], ["--host", "x", "y"], ["x"]])
def test_arguments_that_do_not_exist_are_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["serve", *arguments])
    assert serve.main() == 2
    assert capsys.readouterr().err.startswith("usage:")


def test_a_signal_that_comes_before_the_server_runs_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    served(monkeypatch)
    ended: list[bool] = []
    monkeypatch.setattr(uvicorn.Server, "run", lambda server: ended.append(server.should_exit))
    monkeypatch.setattr(uvicorn.Server, "started", True, raising=False)
    monkeypatch.setattr("app.serve.gc.freeze", lambda: signal.raise_signal(signal.SIGTERM))
    serve.main()
    assert ended == [True]


def test_a_signal_that_uvicorn_has_dealt_with_does_not_end_the_process_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served(monkeypatch)
    serve.main()
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("module", ["app.settings", "app.main"])
def test_a_machine_without_the_packages_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], module: str
) -> None:
    assert served(monkeypatch) == []

    def missing(*given: object) -> None:
        raise ModuleNotFoundError("No module named 'pydantic_core'", name="pydantic_core")

    monkeypatch.setattr(
        "app.settings.Settings.from_env" if module == "app.settings" else "app.main.create_app", missing
    )
    assert serve.main() == 2
    shown = capsys.readouterr().err
    assert "pydantic_core is not installed" in shown
    assert "pip install -r layers/slim/requirements.txt" in shown


def test_a_module_of_the_gateway_that_is_missing_is_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    assert served(monkeypatch) == []

    def missing(settings: object) -> None:
        raise ModuleNotFoundError("No module named 'app.nothing'", name="app.nothing")

    monkeypatch.setattr("app.main.create_app", missing)
    with pytest.raises(ModuleNotFoundError):
        serve.main()


def test_an_old_python_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert served(monkeypatch) == []
    monkeypatch.setattr(sys, "version_info", (3, 9, 1))
    assert serve.main() == 2
    assert "needs Python 3.11 or newer, and this is 3.9" in capsys.readouterr().err


@pytest.mark.parametrize(("key", "warned"), [("k" * 19, True), ("k" * 20, False)])
def test_a_key_shorter_than_the_template_allows_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], key: str, warned: bool
) -> None:
    served(monkeypatch)
    monkeypatch.setenv("API_KEY", key)
    assert serve.main() == 0
    shown = capsys.readouterr().err
    assert ("fewer than 20 characters" in shown) is warned
    assert key not in shown


def test_the_address_is_printed_once_the_server_listens(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served(monkeypatch)
    monkeypatch.setenv("PORT", "8123")
    monkeypatch.setattr(sys, "argv", ["serve"])

    async def startup(server: uvicorn.Server, sockets: object = None) -> None:
        assert "8123" not in capsys.readouterr().err

    def run(server: uvicorn.Server) -> None:
        server.started = True
        asyncio.run(server.startup())

    monkeypatch.setattr(uvicorn.Server, "startup", startup)
    monkeypatch.setattr(uvicorn.Server, "run", run)
    assert serve.main() == 0
    shown = capsys.readouterr().err
    assert "listens on 0.0.0.0:8123" in shown
    assert "http://127.0.0.1:8123/v1" in shown


def test_the_shortest_key_is_that_of_the_template() -> None:
    template = (Path(__file__).parents[2] / "template.yaml").read_text()
    assert f"[!-~]{{{serve.SHORTEST_KEY},256}}" in template
