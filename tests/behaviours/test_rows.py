"""Which test stands for which row of the list of behaviours that users of other gateways complain about.

The list (62 rows, each with its public reports) is the project's specification; a row is here once, either with the tests
that show our behaviour, or left out with a word.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SESSIONS = "behaviours/test_wedged_sessions.py"
STREAMS = "behaviours/test_streams.py"
REQUESTS = "behaviours/test_requests.py"
RESPONSES = "contract/test_responses.py"
MESSAGES = "contract/test_messages.py"

ROWS: dict[int, tuple[str, ...]] = {
    1: (
        f"{SESSIONS}::test_second_turn_of_a_tool_loop_with_thinking_is_no_400",
        f"{SESSIONS}::test_thinking_that_cannot_be_replayed_is_off_for_that_turn_and_told",
        "unit/upstreams/converse/test_repair.py::test_signed_thoughts_are_replayed_byte_for_byte",
    ),
    2: (f"{STREAMS}::test_streamed_tool_call_index_starts_at_zero",),
    3: (
        f"{STREAMS}::test_parallel_tool_calls_are_neither_lost_nor_merged",
        f"{SESSIONS}::test_the_results_of_parallel_calls_go_back_in_one_turn",
    ),
    4: (
        f"{STREAMS}::test_a_tool_without_parameters_gets_empty_object_arguments",
        f"{SESSIONS}::test_broken_tool_arguments_in_the_history_are_no_500",
    ),
    5: (f"{SESSIONS}::test_tool_history_without_tools_is_no_400",),
    6: (f"{REQUESTS}::test_parallel_tool_calls_or_tool_choice_without_tools_is_no_400",),
    7: (f"{REQUESTS}::test_tool_choice_none_calls_no_tool",),
    8: (f"{SESSIONS}::test_orphaned_tool_calls_after_an_abort_are_no_400",),
    9: (f"{SESSIONS}::test_tool_ids_of_another_vendor_are_no_400",),
    10: (f"{SESSIONS}::test_tool_names_with_dots_or_too_long_work_and_come_back",),
    11: (f"{SESSIONS}::test_one_bad_mcp_tool_does_not_kill_every_request",),
    12: (f"{SESSIONS}::test_blank_text_anywhere_is_no_400",),
    13: (
        f"{STREAMS}::test_a_stream_that_dies_is_no_normal_stop",
        f"{STREAMS}::test_the_sdk_raises_on_a_stream_that_dies",
    ),
    14: (f"{STREAMS}::test_an_error_before_the_first_token_is_no_http_200",),
    15: (f"{REQUESTS}::test_prompt_caching_engages_without_cache_control",),
    16: (f"{REQUESTS}::test_one_hour_ttl_is_not_silently_five_minutes",),
    17: (f"{REQUESTS}::test_a_cache_point_where_a_model_refuses_it_is_no_400",),
    18: (
        f"{SESSIONS}::test_a_system_message_in_mid_conversation_does_not_change_the_cached_prefix",
        "unit/upstreams/converse/test_repair_properties.py::"
        "test_a_cached_prefix_stays_the_same_as_the_conversation_grows",
    ),
    19: (f"{REQUESTS}::test_prompt_tokens_include_what_was_read_from_and_written_to_the_cache",),
    25: (f"{REQUESTS}::test_on_demand_throughput_isnt_supported_is_mended_by_a_profile",),
    26: (f"{REQUESTS}::test_temperature_and_top_p_together_are_no_400",),
    27: (f"{SESSIONS}::test_assistant_message_prefill_is_no_400",),
    28: (f"{REQUESTS}::test_response_format_gives_json_and_no_prose",),
    29: (f"{REQUESTS}::test_tool_choice_any_is_taken_as_required",),
    30: (
        f"{RESPONSES}::test_codex_goes_on_after_a_command",
        f"{RESPONSES}::test_signed_thoughts_return_byte_for_byte",
    ),
    31: (
        f"{RESPONSES}::test_a_freeform_tool_round_trips",
        f"{RESPONSES}::test_a_freeform_tools_input_grows",
    ),
    32: (
        f"{SESSIONS}::test_a_screenshot_in_a_tool_result_is_no_400",
        f"{SESSIONS}::test_a_screenshot_for_a_model_that_cannot_see_is_a_word",
    ),
    33: (
        f"{REQUESTS}::test_remote_images_are_not_fetched_blindly",
        "unit/upstreams/test_fetch.py::test_redirects_into_the_network_are_refused",
    ),
    34: (
        f"{STREAMS}::test_long_silence_does_not_drop_the_connection",
        f"{RESPONSES}::test_long_silence_does_not_drop_the_connection",
        f"{MESSAGES}::test_pings_are_events",
    ),
    35: (f"{REQUESTS}::test_context_overflow_is_told_in_the_words_agents_look_for",),
    36: (f"{REQUESTS}::test_every_error_is_openai_shaped",),
    37: (f"{REQUESTS}::test_a_throttle_says_when_to_come_back",),
    38: (f"{REQUESTS}::test_max_tokens_is_never_invented",),
    39: (
        f"{REQUESTS}::test_reasoning_effort_is_no_400_and_needs_no_max_tokens",
        "unit/plan/test_reasoning.py::test_every_level_in_each_familys_words",
    ),
    40: (f"{STREAMS}::test_thoughts_are_not_in_the_content_as_tags",),
    41: (
        f"{REQUESTS}::test_a_pdf_with_any_name_and_no_text_is_taken",
        f"{REQUESTS}::test_an_image_with_the_wrong_mime_type_is_taken_for_what_it_is",
    ),
    42: (f"{REQUESTS}::test_a_video_is_never_dropped_in_silence",),
    43: (
        f"{REQUESTS}::test_embeddings_embed_every_text_in_the_format_asked",
        "unit/upstreams/invoke/test_tokens.py::test_what_tiktoken_encodes_comes_back",
    ),
    44: (f"{REQUESTS}::test_models_tell_their_context_size",),
    48: (
        "perf/test_import.py::test_import_is_quick",
        "unit/plan/test_catalog.py::test_the_list_is_fetched_when_first_needed_and_kept",
    ),
    49: (f"{STREAMS}::test_tokens_do_not_arrive_all_at_once",),
    51: (f"{REQUESTS}::test_a_missing_subscription_says_what_to_do",),
    53: (f"{REQUESTS}::test_service_tier_is_neither_rejected_nor_ignored",),
    54: (f"{REQUESTS}::test_a_guardrail_block_is_content_filter_and_no_stop",),
    58: (
        f"{MESSAGES}::test_what_claude_code_sends",
        f"{MESSAGES}::test_a_tool_loop_with_thinking",
        f"{MESSAGES}::test_bedrock_counts",
        f"{MESSAGES}::test_where_it_does_not_count_it_is_estimated",
    ),
    59: (f"{SESSIONS}::test_assistant_first_and_system_only_chats_are_no_500",),
    60: (f"{REQUESTS}::test_blank_or_too_many_stops_are_no_400",),
    61: (f"{SESSIONS}::test_tool_results_that_are_arrays_or_scalars_are_no_400",),
}

ELSEWHERE: dict[int, str] = {
    20: "budgets: exact usage of abandoned streams is tested in wire/test_disconnects.py",
    21: "budgets",
    22: "keys",
    23: "keys and application inference profiles",
    24: "prices",
    45: "Function URL",
    46: "Function URL; keys in other headers are tested in unit/web/test_auth.py",
    47: "Function URL",
    50: "Function URL; 413 is tested in contract/test_errors.py",
    52: "AWS's native endpoints, another upstream",
    55: "answer cache",
    56: "deployment; redaction is tested in unit/upstreams/test_errors.py",
    57: "deployment",
    62: "batches",
}


def test_every_row_is_here_once() -> None:
    assert ROWS.keys().isdisjoint(ELSEWHERE)
    assert ROWS.keys() | ELSEWHERE.keys() == set(range(1, 63))


@pytest.mark.parametrize("row", ROWS)
def test_a_rows_tests_exist(row: int) -> None:
    for reference in ROWS[row]:
        path, _, name = reference.partition("::")
        tree = ast.parse((ROOT / "tests" / path).read_text())
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
