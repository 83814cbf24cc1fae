/** The template for tokenizers that have none: plain words, so that it needs no tokens of its own but end-of-text. */

/**
 * System text, then turns under "User:" and "Assistant:", each answer ended by end-of-text. The answer begins on a line of
 * its own: tokens do not depend on whether prompt and answer are tokenised together.
 */
export const defaultChatTemplate = `{%- for message in messages -%}
{%- if not loop.first -%}{{ '\\n\\n' }}{%- endif -%}
{%- if message['role'] == 'system' -%}{{ message['content'] }}
{%- elif message['role'] == 'user' -%}{{ 'User:\\n' + message['content'] }}
{%- elif message['role'] == 'assistant' -%}{{ 'Assistant:\\n' + message['content'] + eos_token }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '\\n\\nAssistant:\\n' }}{%- endif -%}`;
