"""OpenAI's API, for models that chat, complete and embed.

Source: OpenAI's API reference (`/v1/models`, `/v1/chat/completions`, `/v1/completions`, `/v1/embeddings`,
`/v1/responses`), as the `openai` package sends and reads it.
"""
