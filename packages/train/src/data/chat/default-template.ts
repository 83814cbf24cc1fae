/** The template for tokenizers that have none: plain words, so that it needs no tokens of its own but end-of-text. */

/**
 * Begin-of-text, or end-of-text as it stands before documents in pretraining, system text, then turns under "User:" and
 * "Assistant:", each answer ended by end-of-text.
 */
export const defaultChatTemplate = `{{- bos_token if bos_token is defined else eos_token -}}
{%- for message in messages -%}
{%- if not loop.first -%}{{ '\\n\\n' }}{%- endif -%}
{%- if message['role'] == 'system' -%}{{ message['content'] }}
{%- elif message['role'] == 'user' -%}{{ 'User:\\n' + message['content'] }}
{%- elif message['role'] == 'assistant' -%}{{ 'Assistant:\\n' + message['content'] + eos_token }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '\\n\\nAssistant:\\n' }}{%- endif -%}`;
