"""A plan read as what training frameworks for transformers offer: a decoder, and degrees of data,
context, tensor, expert and pipeline parallelism. Whatever does not fit is a refusal."""
