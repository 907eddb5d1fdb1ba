"""Models of other programs as `.mmp` libraries: `hf` reads the `config.json` of Hugging Face."""
