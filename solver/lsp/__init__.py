"""The language server: documents, requests and findings of an editor, over `dsl.editor`.

Only modules of this room import pygls and lsprotocol (the extra `mmp[lsp]`), and nothing imports
this room but the command, when it runs.
"""
