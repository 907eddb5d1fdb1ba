"""Hugging Face configurations: from a `config.json` alone to a preset of a library model.

`read.read` turns bytes into a `Reading`; `families` says which file reads which `model_type`;
`library.library` writes the text. Field names and defaults are those of transformers' configuration
classes (`src/transformers/models/*/configuration_*.py`).
"""
