"""The conversations that every family's template renders."""

SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}

USER = {"role": "user", "content": "What's the weather in Zürich?\n"}
SYSTEM = {"role": "system", "content": "  You answer \"briefly\" & <politely>. "}
ANSWER = {"role": "assistant", "content": "It is sunny, 21 °C. 🌞"}

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city's day",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Its name, e.g. \"Zürich\""},
                "days": {"type": "integer", "enum": [1, 2, 7]},
                "units": {"type": ["string", "null"], "default": None},
            },
            "required": ["city"],
        },
        "return": {"type": "string"},
    },
}
CLOCK = {
    "type": "function",
    "function": {"name": "now", "description": "The time", "parameters": {"type": "object", "properties": {}}},
}
CALL = {
    "role": "assistant",
    "content": "",
    "tool_calls": [
        {
            "id": "call12345",
            "type": "function",
            "function": {"name": "get_weather", "arguments": {"city": "Zürich", "days": 2, "exact": True, "low": 0.5}},
        }
    ],
}
RESULT = {"role": "tool", "name": "get_weather", "tool_call_id": "call12345", "content": "{\"sky\": \"clear\", \"°C\": 21}"}
THOUGHT = {"role": "assistant", "reasoning_content": "Sum: 2+2.", "content": "<think>\nhm\n</think>\n\nFour."}
PARTS = {"role": "user", "content": [{"type": "text", "text": "Hello, "}, {"type": "text", "text": "you"}]}

CASES = {
    "one question": {"messages": [USER], "add_generation_prompt": True},
    "no prompt": {"messages": [USER, ANSWER], "add_generation_prompt": False},
    "system and turns": {"messages": [SYSTEM, USER, ANSWER, {"role": "user", "content": "And {{ tomorrow }}?"}], "add_generation_prompt": True},
    "tools": {"messages": [SYSTEM, USER], "tools": [WEATHER, CLOCK], "add_generation_prompt": True},
    "tool call and result": {"messages": [USER, CALL, RESULT], "tools": [WEATHER], "add_generation_prompt": True},
    "answer after a tool": {"messages": [USER, CALL, RESULT, ANSWER], "tools": [WEATHER], "add_generation_prompt": False},
    "thinking": {"messages": [USER, THOUGHT, USER], "add_generation_prompt": True, "enable_thinking": False},
    "parts": {"messages": [PARTS], "add_generation_prompt": True},
    "documents": {"messages": [USER], "documents": [{"title": "T", "text": "Sunny."}], "add_generation_prompt": True},
    "wrong order": {"messages": [ANSWER, ANSWER], "add_generation_prompt": False},
}
