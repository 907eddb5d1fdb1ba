"""Locking: from what `mmp.toml` asks for to the exact files of every library.

`git` fetches, `folder` reads libraries that have a path, `store` keeps files in the cache,
`resolve` puts a lock together, `drift` says where a project is not what its lock says.
"""
